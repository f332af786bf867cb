"""Which model for these data: each is trained on them, and one table says what it gave.

All models read the same rows with the same tokenizer for the same epochs, and are as
wide as makes their weights, or the FLOPs of their training, equal. Each is trained in a
process and a run folder of its own: its memory is its own, and an interrupted choice
goes on where it was. The function behind `nutgraf choose`; the process that waits loads
no framework.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from nutgraf.errors import ConfigError
from nutgraf.evaluation.score import compare
from nutgraf.evaluation.table import ScoreTable
from nutgraf.evaluation.texts import same_rows
from nutgraf.files import write_json
from nutgraf.metrics.names import LABELS
from nutgraf.recipes.choose_settings import ChooseSettings

__all__ = ["CHOICE", "choice_table", "choose", "in_a_process"]

CHOICE, PLAN, RESULT = "choice.json", "plan.json", "result.json"
_FREE = ("out", "max_minutes", "models")
"""Settings that may change when a choice goes on; the first model may not."""


def nobody(line: str) -> None:
    """Say nothing.

    Args:
        line: not read.
    """
    del line


def in_a_process(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a new process.

    Args:
        function: of a module, so that the process can import it.
        *args: what it is called with, and can be pickled.

    Returns:
        What it returns.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def _plan(settings: ChooseSettings, report: Callable[[str], None]) -> Any:
    from nutgraf.recipes.choose_run import plan_sizes

    return plan_sizes(settings, report)


def _measure(settings: Any, report: Callable[[str], None]) -> Any:
    from nutgraf.recipes.choose_run import train_and_measure

    return train_and_measure(settings, report)


def choose(
    settings: ChooseSettings,
    report: Callable[[str], None] = nobody,
    run: Callable[..., Any] = in_a_process,
) -> dict[str, dict[str, Any]]:
    """Train, test and measure each model; what is done already is read.

    Args:
        settings: the settings.
        report: called with each line a user should see; a function of a module, where
            it is called in other processes.
        run: `(function, *args) -> result`: where the work is done.

    Returns:
        Name -> its numbers, of the models that are done: "metric", its "mean", "low"
        and "high" (95 % interval over test rows), "rows", "signature", "width",
        "parameters", "flops" of the training, "training_tokens_per_second" (target
        tokens, median of the updates), "sampling_tokens_per_second" (greedy),
        "peak_memory_mib" of the training's process, "seconds" of the training, and
        "p_value" of the paired test against the first model, None for itself and while
        that is not done. They are also written into `choice.json`.

    Raises:
        ConfigError: the folder holds a choice with other settings.
        DataError: the rows cannot be read.
    """
    folder = Path(settings.out)
    sizes = _sizes(settings, folder, report, run)
    found: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(settings.models, 1):
        width, feed_forward = sizes[name]
        head = f"{name} ({number} of {len(settings.models)}), width {width}"
        path = folder / name / RESULT
        if path.is_file():
            report(f"{head}: done before")
        else:
            report(f"{head}: training in {folder / name}")
            chosen = settings.train_settings(name, width, feed_forward)
            result = run(_measure, chosen, report)
            if result is None:
                report(f"{name} was stopped; run it again to go on")
                continue
            write_json(path, result)
        found[name] = json.loads(path.read_text(encoding="utf-8"))
        found[name]["p_value"] = _p_value(folder, settings.models[0], name)
        write_json(folder / CHOICE, {"settings": _plain(settings), "models": found})
    return found


def _plain(settings: ChooseSettings) -> dict[str, Any]:
    """Settings as they come back from JSON."""
    found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return found


def _sizes(
    settings: ChooseSettings,
    folder: Path,
    report: Callable[[str], None],
    run: Callable[..., Any],
) -> dict[str, Any]:
    """The sizes of all models, planned once for a folder."""
    path = folder / PLAN
    now = {key: v for key, v in _plain(settings).items() if key not in _FREE}
    now["first"] = settings.models[0]
    kept: dict[str, Any] = {"settings": now, "sizes": {}}
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key in now if now[key] != kept["settings"].get(key)]
        if other:
            listed = ", ".join(f"{key} = {now[key]!r}" for key in other)
            raise ConfigError(
                f"{folder} must be resumed with the settings it was started with. "
                f"Received: {listed}, which were others. Use another `out` for a new "
                "choice."
            )
    if set(settings.models) - set(kept["sizes"]):
        report(f"reading the rows, to match the {settings.match} of all models")
        kept["sizes"] |= run(_plan, settings, report)
        write_json(path, kept)
    sizes: dict[str, Any] = kept["sizes"]
    return sizes


def _p_value(folder: Path, first: str, name: str) -> float | None:
    """Paired test of the metric that decides, against the first model if it is done."""
    if name == first or not (folder / first / RESULT).is_file():
        return None
    one, other = same_rows(folder / name / "test", folder / first / "test")
    return float(compare(one, other).p_value)


def choice_table(
    found: dict[str, dict[str, Any]], settings: ChooseSettings
) -> ScoreTable:
    """Put the numbers of `choose` into a table.

    Args:
        found: of `choose`, one model or more.
        settings: what was asked for.

    Returns:
        One line per model.
    """
    first, measure = next(iter(found.values())), settings.models[0]
    columns = ["model", LABELS[first["metric"]], "p", "weights", "FLOPs"]
    columns += ["training tokens/s", "sampling tokens/s", "peak MiB", "seconds"]
    rows = []
    for name, one in found.items():
        p_value = one["p_value"]
        rows.append(
            [
                name,
                f"{one['mean']:.1f} [{one['low']:.1f}, {one['high']:.1f}]",
                "" if p_value is None else f"{p_value:.4f}",
                f"{one['parameters']:,}",
                f"{one['flops']:.3g}",
                f"{one['training_tokens_per_second']:,.0f}",
                f"{one['sampling_tokens_per_second']:,.0f}",
                f"{one['peak_memory_mib']:,.0f}",
                f"{one['seconds']:,.0f}",
            ]
        )
    against = f"paired test against {measure}"
    if measure not in found:
        against += ", which is not done"
    note = (
        f"n = {first['rows']} test rows, greedy, 95 % bootstrap intervals; p: "
        f"{against}; equal {settings.match}, {settings.training.epochs} epochs\n"
        f"{first['signature']}"
    )
    return ScoreTable(columns, rows, note)
