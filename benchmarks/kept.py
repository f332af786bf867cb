"""What benchmarks keep: texts in files, scores over seeds, paired tests as numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.files import write_json
from nutgraf.metrics.significance import PairedTest
from nutgraf.tasks.task import Task

PHASES = ("time/sample", "time/reward", "time/update")
"""Numbers of an update that are its seconds, in `metrics.jsonl`."""


def kept_texts(file: Path, write: Callable[[], list[str]]) -> list[str]:
    """Return the texts of a file, which are written when it is not there.

    Args:
        file: the JSON file.
        write: writes them; called only when it has to be.
    """
    if not file.exists():
        print(f"writing {file}", flush=True)
        write_json(file, write())
    return list(json.loads(file.read_text(encoding="utf-8")))


def pooled(
    seeds: Sequence[tuple[Sequence[Row], Sequence[str]]], task: Task
) -> Evaluation:
    """Return the scores of all seeds' texts together.

    Args:
        seeds: rows of each seed, and their texts.
        task: whose metrics count.
    """
    rows = [
        row._replace(id=f"{row.id}/{number}")
        for number, (some, _) in enumerate(seeds)
        for row in some
    ]
    texts = [text for _, written in seeds for text in written]
    return score_texts(rows, texts, task=task)


def rounded_test(test: PairedTest) -> dict[str, Any]:
    """Return the difference with its interval, and p."""
    ends = test.difference, test.low, test.high
    return {
        "difference": [round(value, 2) for value in ends],
        "p_value": round(test.p_value, 4),
    }
