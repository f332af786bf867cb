"""`nutgraf compare A B`: which of two evaluations is better, and is it sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nutgraf.cli.config import load_settings
from nutgraf.metrics.names import MetricName

__all__ = ["CompareSettings", "run"]


@dataclass(frozen=True)
class CompareSettings:
    """Settings of `nutgraf compare`."""

    a: Path
    """Folder that `nutgraf evaluate --out` wrote, or its texts.jsonl. Needs no flag."""
    b: Path
    """The same of the other system, for the same rows. Needs no flag."""
    metric: MetricName | None = None
    """Number that decides; by default that of the task: the mean of ROUGE-1, 2 and L
    (rouge_mean), chrF, or the F1 of answers."""


def run(argv: Sequence[str]) -> int:
    """Compare two evaluations.

    Args:
        argv: arguments after `nutgraf compare`.

    Returns:
        0.
    """
    settings = load_settings(
        CompareSettings,
        argv,
        prog="nutgraf compare",
        description=(
            "Score the texts of two evaluations again and print both, their "
            "differences with 95 % intervals, and paired p-values."
        ),
        examples=[
            "nutgraf compare runs/train runs/rl",
            "nutgraf compare greedy/texts.jsonl beam4/texts.jsonl --metric rouge2",
        ],
        positional=["a", "b"],
    )
    from nutgraf.evaluation.table import difference_table, print_table
    from nutgraf.evaluation.texts import same_rows

    a, b = same_rows(settings.a, settings.b)
    print_table(difference_table(a, b, settings.metric or ""))
    return 0
