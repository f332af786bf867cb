"""A run on preference pairs, from the file to the best model.

What `nutgraf reward-model` and `nutgraf prefer` share. A run folder is resumed when it
exists.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nutgraf.data.pair_files import load_pairs
from nutgraf.data.pairs import Pair, PairFold, split_pairs
from nutgraf.errors import ConfigError, DataError
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.pair_settings import PreferSettings, RewardModelSettings
from nutgraf.recipes.run_card import (
    refuse_other_rows,
    refuse_other_settings,
    run_card,
)
from nutgraf.rl.loop import Watcher
from nutgraf.rl.pair_loop import PairLoop
from nutgraf.training.log import progress_bar, read_metrics
from nutgraf.training.run_state import latest_checkpoint

__all__ = ["line_of", "run_pairs"]

_SHOWN = (
    ("loss/pairs", "loss {:.3f}"),
    ("pairs/accuracy", "accuracy {:.0%}"),
    ("valid/accuracy", "held out {:.1%}"),
    ("valid/kl_to_start", "KL {:.3f}"),
    ("time/tokens_per_second", "{:,.0f} tokens/s"),
)
_PACE = 0.1
"""Weight of the newest update in the running mean that is shown."""


def line_of(record: dict[str, float]) -> str:
    """Return the numbers of an update as a short line.

    Args:
        record: numbers by the names of `metrics.jsonl`; those absent are left out.

    Returns:
        The line.

    Example:
        >>> line_of({"loss/pairs": 0.69314, "valid/accuracy": 0.5})
        'loss 0.693  held out 50.0%'
    """
    return "  ".join(
        form.format(record[name]) for name, form in _SHOWN if name in record
    )


def _watch(advance: Callable[[int, str], None]) -> Watcher:
    """Show running means of the updates, and the newest validation."""
    shown: dict[str, float] = {}

    def watch(update: int, record: dict[str, float]) -> None:
        for name, value in record.items():
            pace = 1.0 if name.startswith("valid/") else _PACE
            before = shown.get(name, value)
            shown[name] = before + pace * (value - before)
        advance(1, line_of(shown))

    return watch


def _fingerprint(pairs: Sequence[Pair]) -> str:
    """How many pairs there are, and a hash of all that they hold."""
    stamp = hashlib.sha256()
    for pair in pairs:
        stamp.update(repr(pair[:4]).encode())
    return f"{len(pairs):,} pairs, {stamp.hexdigest()[:16]}"


def _split(pairs: Sequence[Pair], folds: int) -> PairFold:
    if not folds:
        return PairFold(list(pairs), [])
    parts = split_pairs(pairs, 0, folds)
    if not parts.train or not parts.test:
        raise DataError(
            "There must be prompts to learn from and prompts to hold out. Received: "
            f"{len({pair.prompt for pair in pairs})} prompts, of which "
            f"{'all' if parts.test else 'none'} would be held out. Use other folds, "
            "or 0 to hold none out."
        )
    return parts


def run_pairs(
    settings: RewardModelSettings | PreferSettings,
    build: Callable[[Any, Path], PairLoop],
    report: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train on a file of pairs.

    Args:
        settings: the settings.
        build: makes the loop of the start policy and the run folder.
        report: called with each line a user should see.
        callbacks: Keras callbacks; an update is an epoch of one batch.

    Returns:
        "updates" done in all; "accuracy" on held-out pairs and "model", the folder it
        belongs to; without held-out pairs None and the last model.

    Raises:
        ConfigError: the folder holds a run of other settings or pairs.
        ModelError: the start is no model folder.
        DataError: the pairs cannot be read, or are too few.
    """
    folder = Path(settings.out)
    if Path(settings.start).resolve() in [
        (folder / name).resolve() for name in ("best", "last")
    ]:
        raise ConfigError(
            f"start must be a folder that the run does not write. Received: "
            f"{settings.start}, a model of the run {folder}. Give another `out`."
        )
    refuse_other_settings(folder, settings)
    pairs = load_pairs(settings.pairs, settings.human, settings.bad_rows, report)
    parts = _split(pairs, settings.folds)
    data = _fingerprint(pairs)
    refuse_other_rows(folder, data)
    loop = build(load_policy(settings.start), folder)
    total, *cut = loop.prepare(*parts)
    card = run_card(settings, loop.policy, data)
    write_json(folder / "run.json", {**card, "held_out_pairs": len(parts.test)})
    for line in _about(parts, total, cut):
        report(line)
    checkpoint = latest_checkpoint(folder / "checkpoints")
    done = 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
    if done:
        report(f"goes on after update {done:,} of {total:,}")
    limit = settings.max_minutes * 60 or math.inf
    with progress_bar("pairs", total, done) as advance:
        records = loop.fit_prepared(callbacks, _watch(advance), limit)
    found = _found(folder, done + len(records))
    report(_outcome(found, bool(records), total, loop))
    return found


def _about(parts: PairFold, total: int, cut: Sequence[float]) -> list[str]:
    """Lines on what there is to learn from."""
    prompts, held = (len({pair.prompt for pair in some}) for some in parts)
    lines = [
        f"{len(parts.train):,} pairs of {prompts:,} prompts; {len(parts.test):,} of "
        f"{held:,} held out; {total:,} updates"
    ]
    if any(cut):
        lines.append(
            f"cut, for they are longer than the model reads: {cut[0]:.0%} of the "
            f"prompts, {cut[1]:.0%} of the texts"
        )
    return lines


def _found(folder: Path, updates: int) -> dict[str, Any]:
    """How well the run did: its best validation."""
    measured = [
        record["valid/accuracy"]
        for record in read_metrics(folder)
        if "valid/accuracy" in record
    ]
    best = max(measured, default=None)
    model = folder / ("last" if best is None else "best")
    return {"updates": updates, "accuracy": best, "model": str(model)}


def _outcome(found: dict[str, Any], worked: bool, total: int, loop: PairLoop) -> str:
    """The last line of a run."""
    accuracy = found["accuracy"]
    held = "" if accuracy is None else f"; accuracy on held-out pairs {accuracy:.1%}"
    where = f"model in {found['model']}{held}"
    if not worked:
        return f"nothing was left to do: the run is finished; {where}"
    if found["updates"] < loop.settings.updates:
        return f"stopped at update {found['updates']:,}, run it again to go on; {where}"
    early = ", before the end," if found["updates"] < total else ""
    return f"finished{early} at update {found['updates']:,}; {where}"
