"""The report of a run folder: what `nutgraf train` or `nutgraf rl` has written there.

Read are `metrics.jsonl` and `run.json`, and where they are present `evaluation.json`,
`result.json`, `samples.json` and `attention.json`. A file that cannot be understood is
named in the report and passed over: a report of a broken run is needed most.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nutgraf.errors import RunError
from nutgraf.metrics.names import LABELS
from nutgraf.report.guard import findings
from nutgraf.report.panels import panels_of, series_of
from nutgraf.report.parts import Attention, Estimate, Fact, Report, Sample, Table
from nutgraf.report.tables import number
from nutgraf.training.log import read_metrics

__all__ = ["evaluation_table", "read_samples", "report_of_run"]

T = TypeVar("T")

_TEXT_FIELDS = {"document", "reference", "references", "title", "id", "texts"}


def _metric(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


def _estimate(value: Any) -> Any:
    """A number or {mean, low, high} as a cell."""
    if isinstance(value, Mapping):
        mean = float(value["mean"])
        return Estimate(
            mean, float(value.get("low", mean)), float(value.get("high", mean))
        )
    return value


def _systems(evaluation: Any) -> dict[str, Mapping[str, Any]]:
    """Name -> evaluation, of one evaluation, of a list or of a mapping of them."""
    if isinstance(evaluation, Mapping) and "metrics" in evaluation:
        name = str(evaluation.get("name") or "this run")
        return {**evaluation.get("baselines", {}), name: evaluation}
    if isinstance(evaluation, Mapping):
        return {k: v for k, v in evaluation.items() if "metrics" in v}
    return {str(one.get("name", i + 1)): one for i, one in enumerate(evaluation)}


def evaluation_table(evaluation: Any, title: str = "Evaluation") -> Table:
    """Lay out what `evaluation.json` holds.

    Args:
        evaluation: `{"n", "signature", "metrics": {name: {"mean", "low", "high"}}}`,
            perhaps with a mapping `baselines` of names to such, or a list or a mapping
            of names to several of them.
        title: of the table.

    Returns:
        One row per system and one column per metric, or for a single system one row
        per metric; the signatures in the note.

    Example:
        >>> found = {"n": 2, "metrics": {"rouge1": {"mean": 1, "low": 0, "high": 2}}}
        >>> evaluation_table(found).rows
        [['ROUGE-1', Estimate(mean=1.0, low=0.0, high=2.0)]]
    """
    systems = _systems(evaluation)
    metrics = list(
        dict.fromkeys(name for one in systems.values() for name in one["metrics"])
    )
    counts = dict.fromkeys(
        f"n = {one['n']:,}" for one in systems.values() if "n" in one
    )
    signatures = dict.fromkeys(
        one["signature"] for one in systems.values() if one.get("signature")
    )
    note = "; ".join([*counts, "95 % intervals over rows", *signatures])
    if len(systems) == 1:
        (found,) = (one["metrics"] for one in systems.values())
        rows = [[_metric(name), _estimate(found[name])] for name in metrics]
        return Table(title, ["metric", "score"], rows, note)
    rows = [
        [name, *(_estimate(one["metrics"].get(metric)) for metric in metrics)]
        for name, one in systems.items()
    ]
    return Table(title, ["system", *map(_metric, metrics)], rows, note)


def read_samples(values: Sequence[Mapping[str, Any]]) -> list[Sample]:
    """Read what `samples.json` holds.

    Args:
        values: mappings with `document`, `reference` (or a list `references`) and the
            texts: a mapping `texts`, or further fields that are text.

    Returns:
        The samples, in order.

    Example:
        >>> read_samples([{"document": "d", "reference": "r", "ours": "t"}])[0].texts
        {'ours': 't'}
    """
    samples = []
    for value in values:
        texts = {str(k): str(v) for k, v in value.get("texts", {}).items()}
        for key, text in value.items():
            if key not in _TEXT_FIELDS and isinstance(text, str):
                texts[key.replace("_", " ")] = text
        references = value.get("references") or [""]
        first = references if isinstance(references, str) else references[0]
        reference = str(value.get("reference") or first)
        title = str(value.get("title") or value.get("id") or "")
        samples.append(Sample(str(value.get("document", "")), texts, reference, title))
    return samples


def _read_attention(values: Sequence[Mapping[str, Any]]) -> list[Attention]:
    return [
        Attention(
            str(value.get("title", "")),
            value["source_tokens"],
            value["text_tokens"],
            np.asarray(value["weights"], float),
            value.get("copy_share"),
        )
        for value in values
    ]


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        plain = value is None or isinstance(value, str | int | float)
        return [(prefix, value if plain else json.dumps(value, ensure_ascii=False))]
    if set(value) >= {"mean", "low", "high"}:
        return [(prefix, _estimate(value))]
    return [
        pair
        for key, item in value.items()
        for pair in _flat(item, f"{prefix} {str(key).replace('_', ' ')}".strip())
    ]


def _result_table(result: Any) -> Table:
    rows = [[str(name), value] for name, value in _flat(result)]
    return Table("Result", ["what", "value"], rows)


class _Folder:
    """Reads the files of a run; remembers those that could not be understood."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.complaints: list[str] = []

    def read(self, name: str, use: Callable[[Any], T], otherwise: T) -> T:
        path = self.folder / name
        if not path.is_file():
            return otherwise
        try:
            return use(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OSError):
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
    for key in ("rouge1", "rougeL"):
        scores = series_of(records, f"valid/{key}").y
        if len(scores):
            note = "F1, newest, validation sample"
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


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value.items())


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
    names = ("metrics.jsonl", "run.json", "evaluation.json")
    if not any((folder / name).is_file() for name in names):
        there = "that folder has none of them" if folder.is_dir() else "no such folder"
        raise RunError(
            f"A run folder must hold {', '.join(names[:-1])} or {names[-1]}. Received: "
            f"{folder} ({there}). Give the folder that `nutgraf train` or `nutgraf rl` "
            "wrote, the setting `out`."
        )
    records = [record for record in read_metrics(folder) if isinstance(record, dict)]
    files = _Folder(folder)
    card: dict[str, Any] = files.read("run.json", _mapping, {})
    is_rl = any("reward/mean" in record for record in records) or bool(
        _at(card, "settings", "rl")
    )
    kind = "reinforcement learning" if is_rl else "supervised training"
    facts = (_rl_facts if is_rl else _supervised_facts)(records, card)
    summary = _summary(card, is_rl, bool(records))
    if not (records or card) and (folder / "evaluation.json").is_file():
        kind, facts, summary = "evaluation", [], []  # of `nutgraf evaluate`, no run
    guard = findings(records, _at(card, "settings", "guard"))
    tables: list[Table | None] = [
        files.read("evaluation.json", evaluation_table, None),
        files.read("result.json", _result_table, None),
    ]
    samples: list[Sample] = files.read("samples.json", read_samples, [])
    attention: list[Attention] = files.read("attention.json", _read_attention, [])
    return Report(
        title=folder.resolve().name,
        kind=kind,
        facts=facts,
        summary=summary + guard.sentences + files.complaints,
        tables=[table for table in tables if table is not None],
        curves=panels_of(records, guard.marks),
        samples=samples,
        attention=attention,
        settings=card,
    )
