"""The report of a run folder: what `nutgraf train` or `nutgraf rl` has written there.

Read are `metrics.jsonl`, `run.json`, `samples.json` and `attention.json` of a run, and
`evaluation.json` and `texts.jsonl` of an evaluation. A file that cannot be understood
is named in the report and passed over: a report of a broken run is needed most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nutgraf.errors import NutgrafError, RunError
from nutgraf.evaluation.texts import EVALUATION, TEXTS
from nutgraf.metrics.names import LABELS
from nutgraf.report.guard import findings
from nutgraf.report.panels import panels_of, series_of
from nutgraf.report.parts import Attention, Estimate, Fact, Report, Sample, Table
from nutgraf.report.samples import (
    ATTENTION,
    SAMPLES,
    evaluated_samples,
    read_attention,
    read_json,
    read_samples,
)
from nutgraf.report.tables import number
from nutgraf.training.log import read_metrics

__all__ = ["evaluation_table", "report_of_run"]

T = TypeVar("T")

_CARD = "run.json"
_SHOWN = ("rouge1", "rougeL", "chrf", "bleu", "exact_match", "token_f1")
"""Scores of the validation that are facts of a training, where there are such."""


def _metric(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


def evaluation_table(evaluation: Mapping[str, Any]) -> Table:
    """Lay out what `evaluation.json` holds.

    Args:
        evaluation: `{"name", "n", "signature", "metrics": {name: {"mean", "low",
            "high"}}}` with a mapping `baselines` of names to such.

    Returns:
        One row per system, the evaluated one last, and one column per metric; n and
        signature in the note.

    Example:
        >>> metrics = {"rouge1": {"mean": 1.0, "low": 0.0, "high": 2.0}}
        >>> found = {"name": "ours", "n": 2, "signature": "ROUGE", "metrics": metrics}
        >>> evaluation_table({**found, "baselines": {}}).rows
        [['ours', Estimate(mean=1.0, low=0.0, high=2.0)]]
    """
    systems = {**evaluation["baselines"], evaluation["name"]: evaluation}
    metrics = list(evaluation["metrics"])
    rows = [
        [str(name), *(_estimate(one["metrics"][metric]) for metric in metrics)]
        for name, one in systems.items()
    ]
    note = f"n = {evaluation['n']:,}; 95 % intervals over rows"
    note = f"{note}; {evaluation['signature']}"
    return Table("Evaluation", ["system", *map(_metric, metrics)], rows, note)


def _estimate(value: Mapping[str, Any]) -> Estimate:
    return Estimate(*(float(value[end]) for end in Estimate._fields))


_ODD = ValueError, TypeError, KeyError, IndexError, AttributeError, OSError


class _Folder:
    """Reads the files of a run; remembers those that could not be understood."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.complaints: list[str] = []

    def read(self, name: str, use: Callable[[Path], T], otherwise: T) -> T:
        path = self.folder / name
        if not path.is_file():
            return otherwise
        try:
            return use(path)
        except (*_ODD, NutgrafError):
            self.complaints.append(
                f"The file {name} is in a form that the report does not know."
            )
            return otherwise


def _at(card: Mapping[str, Any], *keys: str) -> Any:
    """A value deep in nested mappings, or None."""
    value: Any = card
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _progress(records: Sequence[Mapping[str, Any]], total: Any) -> Fact:
    steps = [s for s in (r.get("step") for r in records) if isinstance(s, int | float)]
    done = max(steps, default=0)
    wanted = f"of {number(total)}" if isinstance(total, int | float) else ""
    return Fact("updates", number(done), wanted)


def _ends(records: Sequence[Mapping[str, Any]], key: str) -> tuple[float, float] | None:
    """Means of the first and of the last tenth, at least of five updates."""
    values = np.asarray(series_of(records, key).y, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    size = max(min(5, -(-len(values) // 2)), len(values) // 10)
    return float(values[:size].mean()), float(values[-size:].mean())


def _change(
    records: Sequence[Mapping[str, Any]], key: str, name: str, unit: str
) -> list[Fact]:
    ends = _ends(records, key)
    if ends is None:
        return []
    return [
        Fact(
            name,
            f"{ends[0]:.3g}\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}{ends[1]:.3g}",
            unit,
        )
    ]


def _rl_facts(
    records: Sequence[Mapping[str, Any]], card: Mapping[str, Any]
) -> list[Fact]:
    facts = [_progress(records, _at(card, "settings", "rl", "updates"))]
    facts += _change(records, "reward/mean", "mean reward", "first → last tenth")
    ends = _ends(records, "policy/kl_to_start")
    if ends is not None:
        facts.append(
            Fact("KL to the start", f"{ends[1]:.3g}", "nats per token, at end")
        )
    facts += _change(records, "policy/entropy", "entropy", "nats per token")
    facts += _change(records, "sample/length", "length of samples", "tokens")
    return facts


def _supervised_facts(
    records: Sequence[Mapping[str, Any]], card: Mapping[str, Any]
) -> list[Fact]:
    facts = [_progress(records, _at(card, "estimate", "updates"))]
    loss = series_of(records, "valid/loss")
    if len(loss.y):
        values = np.where(np.isfinite(loss.y), loss.y, np.inf)
        best = int(values.argmin())
        if np.isfinite(values[best]):
            at = f"nats per token, at update {number(loss.x[best])}"
            facts.append(Fact("best validation loss", f"{loss.y[best]:.3f}", at))
    for key in _SHOWN:
        scores = series_of(records, f"valid/{key}").y
        if len(scores):
            note = "newest, validation sample"
            facts.append(Fact(_metric(key), f"{scores[-1]:.2f}", note))
    weights = _at(card, "weights")
    if isinstance(weights, int | float):
        facts.append(Fact("size of the model", f"{weights / 1e6:.3g} M", "weights"))
    return facts


def _summary(card: Mapping[str, Any], is_rl: bool, has_records: bool) -> list[str]:
    if not has_records:
        return ["No update has been done yet."]
    settings = _at(card, "settings")
    source = _at(card, "settings", "data", "source")
    data = f" on {source} data" if source else ""
    backend = _at(card, "versions", "backend")
    device = ", ".join(map(str, _at(card, "versions", "devices") or []))
    where = f", with {backend} on {device}" if backend and device else ""
    if not is_rl:
        return [f"Supervised training{data}{where}."] if settings else []
    algorithm = _at(card, "settings", "algorithm")
    if not algorithm:
        return []
    start = _at(card, "settings", "start") or "a trained model"
    prompts, samples = (_at(card, "settings", "rl", k) for k in ("prompts", "samples"))
    sizes = f" Each update draws {samples} samples for each of {prompts} prompts."
    parts = _at(card, "settings", "reward", "parts")
    reward = f" The reward is {', '.join(parts)}." if parts else ""
    return [
        f"Reinforcement learning ({algorithm}) from {start}{data}{where}."
        f"{reward}{sizes if prompts and samples else ''}"
    ]


def _card(path: Path) -> dict[str, Any]:
    return dict(read_json(path).items())


def _evaluated(files: _Folder) -> tuple[list[Table], list[Sample]]:
    """Scores and a few texts of the evaluation whose files lie in the folder."""
    table = files.read(EVALUATION, lambda path: evaluation_table(read_json(path)), None)
    if table is None:
        return [], []
    name = table.rows[-1][0]
    return [table], files.read(TEXTS, lambda path: evaluated_samples(path, name), [])


def report_of_run(folder: str | Path) -> Report:
    """Read a run folder.

    Args:
        folder: run folder of `nutgraf train` or `nutgraf rl`, finished or not.

    Returns:
        The report: facts, scores, curves, examples and settings, as far as they exist.

    Raises:
        RunError: it is not a run folder.
    """
    folder = Path(folder)
    names = ("metrics.jsonl", _CARD, EVALUATION)
    if not any((folder / name).is_file() for name in names):
        there = "that folder has none of them" if folder.is_dir() else "no such folder"
        advice = "Give the folder that `nutgraf train` or `nutgraf rl` wrote, its `out`"
        if (folder / "rl" / _CARD).is_file():
            advice = f"Give the run of the demo, {folder / 'rl'}"
        raise RunError(
            f"A run folder must hold {', '.join(names[:-1])} or {names[-1]}. Received: "
            f"{folder} ({there}). {advice}."
        )
    records = [record for record in read_metrics(folder) if isinstance(record, dict)]
    files = _Folder(folder)
    card: dict[str, Any] = files.read(_CARD, _card, {})
    is_rl = any("reward/mean" in record for record in records) or bool(
        _at(card, "settings", "rl")
    )
    kind = "reinforcement learning" if is_rl else "supervised training"
    facts = (_rl_facts if is_rl else _supervised_facts)(records, card)
    summary = _summary(card, is_rl, bool(records))
    if not (records or card) and (folder / EVALUATION).is_file():
        kind, facts, summary = "evaluation", [], []  # of `nutgraf evaluate`, no run
    guard = findings(records, _at(card, "settings", "guard"))
    tables, samples = _evaluated(files)
    samples += files.read(SAMPLES, read_samples, [])
    attention: list[Attention] = files.read(ATTENTION, read_attention, [])
    return Report(
        title=folder.resolve().name,
        kind=kind,
        facts=facts,
        summary=summary + guard.sentences + files.complaints,
        tables=tables,
        curves=panels_of(records, guard.marks),
        samples=samples,
        attention=attention,
        settings=card,
    )
