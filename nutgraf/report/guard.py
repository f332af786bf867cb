"""What the guard of a run has found, judged again from the numbers in its log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from nutgraf.errors import ConfigError
from nutgraf.report.parts import Mark
from nutgraf.rl.guard import Guard, GuardSettings, Memory, judged, label_of

__all__ = ["Findings", "findings"]


class Findings(NamedTuple):
    """What the guard has found.

    Attributes:
        marks: the first verdict, for the pictures; empty without one.
        sentences: each verdict with a new reason in words, and how the run ended.
    """

    marks: list[Mark]
    sentences: list[str]


def _settings(given: Any) -> GuardSettings | None:
    """Settings as `run.json` has them; None for what is none."""
    known = {field.name for field in fields(GuardSettings)}
    try:
        return GuardSettings(**{k: v for k, v in dict(given).items() if k in known})
    except (TypeError, ValueError, ConfigError):
        return None


def findings(records: Iterable[Mapping[str, Any]], settings: Any) -> Findings:
    """Judge the looks of a run again.

    Args:
        records: lines of `metrics.jsonl`.
        settings: of the guard: a mapping, or anything else for none.

    Returns:
        Marks and sentences; nothing for a run that was not watched, or whose numbers
        are no numbers.

    Example:
        >>> looks = [(1, 0.0), (10, 9.0), (20, 9.0)]
        >>> log = [{"step": n, "guard/reward": n, "guard/repetition": 5 * r}
        ...        for n, r in looks]
        >>> findings(log, {"on": "warn"}).marks
        [Mark(x=20, label='guard: repetition')]
    """
    chosen = _settings(settings)
    if chosen is None:
        return Findings([], [])
    guard, memory, looks = Guard(chosen), Memory(), 0
    marks, sentences = [], []
    for record in records:
        try:
            numbers, step = judged(record), int(record["step"])
        except (TypeError, ValueError, KeyError, AttributeError):
            continue
        if not numbers:
            continue
        memory, verdict = guard.look(memory, step, numbers)
        looks += 1
        if verdict.new:
            label = f"guard: {label_of(verdict.new[0].name)}"
            more = len(verdict.new) - 1
            marks.append(Mark(step, f"{label} and {more} more" if more else label))
            sentences.append(f"The guard warned at {verdict.words}.")
    if memory.get("ended"):
        sentences.append(f"The guard ended the run there{_weights(chosen, memory)}.")
    if looks > 1 and "reward" in memory["start"] and not sentences:
        sentences.append(f"The guard looked {looks} times and found nothing broken.")
    return Findings(marks[:1], sentences)


def _weights(settings: GuardSettings, memory: Memory) -> str:
    if settings.on != "return":
        return ""
    safe = memory["safe"]
    return f", with the weights of {f'update {safe:,}' if safe else 'the start'}"
