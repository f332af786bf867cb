"""Scores of several systems as a table: means, intervals, a paired p-value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nutgraf.evaluation.score import METRICS, Evaluation, compare

__all__ = ["LABELS", "ScoreTable", "print_table", "score_table"]

LABELS = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "rouge_mean": "mean 1/2/L",
    "length_ratio": "length ratio",
    "repetition": "repetition",
    "novel_bigrams": "novel bigrams",
    "copied_share": "copied",
}
"""Names of the metrics in tables."""


class ScoreTable(NamedTuple):
    """A table of scores.

    Attributes:
        columns: names of the columns; the first is the system.
        rows: one line per system, cells as text.
        note: n, signature, how the intervals and p-values were made.
    """

    columns: list[str]
    rows: list[list[str]]
    note: str


def _cell(evaluation: Evaluation, metric: str) -> str:
    mean, low, high = evaluation.interval(metric)
    digits = 2 if metric == "length_ratio" else 1
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def score_table(
    evaluations: Sequence[Evaluation],
    baseline: int | None = None,
    metrics: Sequence[str] = METRICS,
) -> ScoreTable:
    """Put systems that were scored on the same rows into a table.

    Args:
        evaluations: one or more systems.
        baseline: which of them the others are tested against, on the mean of ROUGE-1,
            2 and L; None leaves the column of p-values out.
        metrics: some of `METRICS`.

    Returns:
        The table; cells are "mean [low, high]", the 95 % bootstrap interval.

    Raises:
        DataError: the systems were scored on different rows.

    Example:
        >>> from nutgraf.data.rows import Row
        >>> from nutgraf.evaluation.score import score_texts
        >>> rows = [Row("1", "A cat sat.", ("A cat sat.",))]
        >>> table = score_table([score_texts(rows, ["A cat sat."], name="a")], None)
        >>> table.rows[0][:2]
        ['a', '100.0 [100.0, 100.0]']
    """
    columns = ["system", *(LABELS[metric] for metric in metrics)]
    rows = [[e.name, *(_cell(e, metric) for metric in metrics)] for e in evaluations]
    note = f"n = {evaluations[0].n}, 95 % bootstrap intervals"
    if baseline is not None:
        columns.append("p")
        reference = evaluations[baseline]
        for number, (row, evaluation) in enumerate(zip(rows, evaluations, strict=True)):
            p_value = compare(evaluation, reference).p_value
            row.append("" if number == baseline else f"{p_value:.4f}")
        note += (
            f"; p: paired test of the mean of ROUGE-1, 2, L against {reference.name}"
        )
    return ScoreTable(columns, rows, f"{note}\n{evaluations[0].signature}")


def print_table(table: ScoreTable) -> None:
    """Print a table; one that is too wide is turned, systems side by side.

    Args:
        table: of `score_table`.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    columns: list[str] = table.columns
    rows: list[list[str]] = table.rows
    widest = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    if sum(widest) + 3 * len(widest) > console.width:
        columns, *rows = [list(row) for row in zip(columns, *rows, strict=True)]
    shown: Any = Table(box=None, pad_edge=False)
    for number, name in enumerate(columns):
        shown.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    console.print(table.note, markup=False, soft_wrap=True)
