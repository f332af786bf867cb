"""Scores of systems as a table: means, intervals, differences, paired p-values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from nutgraf.evaluation.score import Evaluation, compare
from nutgraf.metrics.names import LABELS

__all__ = ["ScoreTable", "difference_table", "print_table", "score_table"]

_BEFORE_INTERVAL = re.compile(r" (?=\[[-+\d])")

_BESIDE = {"rouge_mean", "novel_bigrams", "copied_share"}
"""Metrics that stand beside others; two systems are not compared in them unasked."""
_NAMES = {"rouge_mean": "the mean of ROUGE-1, 2, L"}
"""Metrics whose name in a sentence is not their label."""
_SURE = 0.05
"""A p-value below this is one at which a difference is called sure."""


class ScoreTable(NamedTuple):
    """A table of scores.

    Attributes:
        columns: names of the columns.
        rows: one line per system or per metric, cells as text.
        note: n, signature, how the intervals and p-values were made.
    """

    columns: list[str]
    rows: list[list[str]]
    note: str


def _cell(evaluation: Evaluation, metric: str) -> str:
    return _interval(*evaluation.interval(metric), metric)


def _interval(mean: float, low: float, high: float, metric: str, form: str = "") -> str:
    form += ".2f" if metric == "length_ratio" else ".1f"
    return f"{mean:{form}} [{low:{form}}, {high:{form}}]"


def score_table(
    evaluations: Sequence[Evaluation],
    baseline: int | None = None,
    metrics: Sequence[str] = (),
) -> ScoreTable:
    """Put systems that were scored on the same rows into a table.

    Args:
        evaluations: one or more systems.
        baseline: which of them the others are tested against, on the metric that
            decides; None leaves the column of p-values out.
        metrics: some of theirs; none = all.

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
    metrics = metrics or evaluations[0].metrics
    columns = ["system", *(LABELS[metric] for metric in metrics)]
    rows = [[e.name, *(_cell(e, metric) for metric in metrics)] for e in evaluations]
    note = f"n = {evaluations[0].n}, 95 % bootstrap intervals"
    if baseline is not None:
        columns.append("p")
        reference = evaluations[baseline]
        for number, (row, evaluation) in enumerate(zip(rows, evaluations, strict=True)):
            p_value = compare(evaluation, reference).p_value
            row.append("" if number == baseline else f"{p_value:.4f}")
        main = _NAMES.get(reference.main, LABELS[reference.main])
        note += f"; p: paired test of {main} against {reference.name}"
    return ScoreTable(columns, rows, f"{note}\n{evaluations[0].signature}")


def difference_table(a: Evaluation, b: Evaluation, metric: str = "") -> ScoreTable:
    """Put two systems beside each other, with their difference in each metric.

    Args:
        a: one system, perhaps the one before.
        b: the other one, on the same rows.
        metric: one of theirs, "" for the one that decides; it is the first line, and
            the note tells which of the two is higher in it and whether that is sure:
            p < 0.05.

    Returns:
        One line per metric: the one chosen, then scores, length ratio and repetition.

    Raises:
        ConfigError: the metric is unknown.
        DataError: the systems were scored on different rows.

    Example:
        >>> from nutgraf.data.rows import Row
        >>> from nutgraf.evaluation.score import score_texts
        >>> rows = [Row("1", "A cat sat.", ("A cat sat.",))]
        >>> a, b = (score_texts(rows, [text], name=text) for text in ("A dog.", "A."))
        >>> difference_table(a, b, "rouge1").rows[0][1:3]
        ['40.0 [40.0, 40.0]', '50.0 [50.0, 50.0]']
    """
    metric = metric or a.main
    names = dict.fromkeys((metric, *(n for n in a.metrics if n not in _BESIDE)))
    tests = {name: compare(b, a, name) for name in names}
    rows = []
    for name, test in tests.items():
        difference = _interval(test.difference, test.low, test.high, name, "+")
        cells = [_cell(a, name), _cell(b, name), difference, f"{test.p_value:.4f}"]
        rows.append([LABELS[name], *cells])
    test = tests[metric]
    higher = b if test.difference > 0 else a
    verdict = f"{higher.name} is higher in {LABELS[metric]}, p = {test.p_value:.4f}."
    if test.p_value >= _SURE:
        verdict = (
            f"No sure difference in {LABELS[metric]}, p = {test.p_value:.4f}: it may "
            "be chance."
        )
    note = (
        f"n = {a.n}, 95 % bootstrap intervals; p: paired test of the difference\n"
        f"{a.signature}\n{verdict}"
    )
    return ScoreTable(["metric", a.name, b.name, "second - first", "p"], rows, note)


def _turned(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(column) for column in zip(*lines, strict=True)]


def _width(lines: Sequence[Sequence[str]]) -> int:
    """Columns of the screen that a table takes, with two between its own columns."""
    columns = ["\n".join(column).split("\n") for column in _turned(lines)]
    return sum(max(map(len, column)) + 2 for column in columns) - 2


def _blocks(lines: Sequence[Sequence[str]], limit: int) -> list[list[list[str]]]:
    """Cut a table between columns; each part begins with the first column again."""
    first, *columns = _turned(lines)
    blocks = [[first]]
    for column in columns:
        if len(blocks[-1]) > 1 and _width(_turned([*blocks[-1], column])) > limit:
            blocks.append([first])
        blocks[-1].append(column)
    return [_turned(block) for block in blocks]


def _fitting(lines: list[list[str]], limit: int) -> list[list[list[str]]]:
    """The first form that fits: as it is, turned, intervals below, in blocks."""
    narrow = min(lines, _turned(lines), key=_width)
    below = [[_BEFORE_INTERVAL.sub("\n", cell) for cell in line] for line in narrow]
    for form in (lines, narrow, below):
        if _width(form) <= limit:
            return [form]
    return _blocks(lines, limit)


def print_table(table: ScoreTable) -> None:
    """Print a table; one that is too wide is turned, else folded, else cut in blocks.

    Args:
        table: of `score_table` or `difference_table`.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for block, lines in enumerate(
        _fitting([table.columns, *table.rows], console.width)
    ):
        if block:
            console.print()
        shown: Any = Table(box=None, pad_edge=False)
        for number, name in enumerate(lines[0]):
            justify = "right" if number else "left"
            shown.add_column(escape(name), justify=justify, overflow="fold")
        for line in lines[1:]:
            shown.add_row(*map(escape, line))
        console.print(shown)
    console.print(table.note, markup=False, soft_wrap=True)
