"""The guard of a run: which rows it watches, what it says, what `run.json` tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings, load_split
from nutgraf.errors import DataError
from nutgraf.evaluation.generate import Generator
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.recipes.shown import show_look
from nutgraf.rewards.base import Reward
from nutgraf.rl.guard import Reason, Verdict
from nutgraf.rl.watch import Watch, watched_rows
from nutgraf.text.words import WordKind

__all__ = ["guard_card", "make_watch", "validation_rows"]


def validation_rows(
    settings: DataSettings, report: Callable[[str], None] | None = None
) -> list[Row]:
    """Read the validation rows of a source.

    Args:
        settings: the source.
        report: called with the rows that were left out; None warns.

    Returns:
        The rows; none where there is no such split.

    Raises:
        DataError: a file that is named for them cannot be read.
    """
    if settings.source == "files" and not settings.valid:
        return []
    try:
        return list(load_split(settings, "valid", report))
    except DataError:
        if settings.source == "files":
            raise
        return []  # a copy that has the training rows only


def make_watch(
    settings: ImproveSettings,
    policy: Any,
    rows: Sequence[Row],
    reward: Reward,
    words: WordKind = "english",
    report: Callable[[str], None] = lambda line: None,
    generator: Callable[..., list[str]] | None = None,
) -> Watch | None:
    """Make the guard that the settings ask for; its texts are shown by the report.

    Args:
        settings: the settings of the run.
        policy: what is improved.
        rows: the training rows, watched where there are no validation rows.
        reward: the reward.
        words: "english" or "cjk".
        report: called with each line a user should see.
        generator: writes the texts; by default a new one, in batches of all rows.

    Returns:
        The guard; None when it is off.

    Raises:
        ConfigError: a metric is unknown.
        DataError: the validation rows cannot be read.
    """
    guard = settings.guard
    if guard.on == "off":
        return None
    valid = validation_rows(settings.data, report)
    chosen = watched_rows(valid or rows, guard.rows)
    kind = "validation" if valid else "training"
    report(f"the guard looks at {len(chosen)} {kind} rows every {guard.every} updates")
    if generator is None:
        generator = Generator(policy, rows=len(chosen), length=settings.rl.length)

    def tell(verdict: Verdict) -> None:
        report(f"warning: {verdict.words} (docs/guard.md)")

    return Watch(
        chosen,
        generator,
        None if settings.algorithm == "supervised" else reward,
        guard,
        words,
        tell,
        settings.rl.on_error,
        at_update=settings.rl.updates,
        keep=partial(show_look, Path(settings.out)),
    )


def guard_card(watch: Watch) -> dict[str, Any]:
    """Say what the guard has found, for `run.json`.

    Args:
        watch: the guard, after the run.

    Returns:
        Plain values: `warnings` with update, name, numbers and words of each; `ended`,
        the update at which the guard ended the run, 0 for none; `weights_of`, the
        update whose weights the run returned to, null for none; `best`, the update
        whose weights are in the model folder of this name, null without one.
    """
    memory = watch.memory
    ended = memory.get("ended", 0)
    warnings = [
        {**told, "words": Reason(*(told[key] for key in Reason._fields)).words}
        for told in memory.get("told", {}).values()
    ]
    returned = ended and watch.settings.on == "return"
    return {
        "warnings": warnings,
        "ended": ended,
        "weights_of": memory.get("returned") if returned else None,
        "best": None if memory.get("best") is None else memory["safe"],
    }
