"""`nutgraf data FILE`: what is in a data file, before anything is trained on it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import say
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.models.span_settings import WindowSettings
from nutgraf.ranges import check_ranges
from nutgraf.tasks.names import TaskName, task_of

__all__ = ["DataFileSettings", "lines_of", "run"]

_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class DataFileSettings:
    """Settings of `nutgraf data`."""

    file: Path
    """Data file (jsonl, csv, tsv, parquet, gzipped or not). Needs no flag."""
    task: TaskName = "summarize"
    """What is to be written; the names of the fields follow from it."""
    source_field: str = ""
    """Field with the text to read; "" = as the task has it."""
    target_field: str = ""
    """Field with the text to write; "" = as the task has it."""
    question_field: str = ""
    """Field with the question about the text; "" = as the task has it."""
    bad_rows: Literal["fail", "skip"] = "skip"
    """What to do with rows that cannot be used: show ten and stop, or count them."""
    model: Path | None = None
    """Model folder whose tokenizer counts the lengths; without it, words count."""
    max_source: int = 0
    """Longest source, what is longer counts as cut; 0 = as the model has it, or without
    one as the task has it."""
    max_target: int = 0
    """Longest target, what is longer counts as cut; 0 = as the model has it, or without
    one as the task has it."""
    examples: int = 3
    """Rows to show."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, max_source=">= 0", max_target=">= 0", examples=">= 0")


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return text[: _SHOWN_CHARACTERS - 1] + "…"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return str(value)


def lines_of(report: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Turn a report into lines of a table.

    Args:
        report: a dataclass, NamedTuple or dictionary, others in it perhaps.
        prefix: name of the part that is being written.

    Yields:
        Pairs of a name and its value as text.
    """
    if dataclasses.is_dataclass(report) and not isinstance(report, type):
        report = {f.name: getattr(report, f.name) for f in dataclasses.fields(report)}
    elif hasattr(report, "_asdict"):
        report = report._asdict()
    if isinstance(report, dict):
        for name, value in report.items():
            words = str(name).replace("_", " ")
            yield from lines_of(value, f"{prefix} {words}".strip())
    else:
        yield prefix, _text(report)


def _limits(settings: DataFileSettings) -> tuple[int, int]:
    """Longest source and target: as set, or as the model or the task has them."""
    source, target = settings.max_source, settings.max_target
    if source and target:
        return source, target
    of: Any = task_of(settings.task)
    if settings.model is not None:
        from nutgraf.models.checkpoint import read_config

        _, of = read_config(settings.model)
    elif settings.task == "extract":  # its actions are places, not words
        target = target or WindowSettings.answer
    return source or of.max_source, target or of.max_target


def _show(
    settings: DataFileSettings,
    report: Any,
    limits: tuple[int, int],
    examples: Sequence[Row],
    log: BadRowLog,
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(show_header=False, box=None)
    for name, text in lines_of(report):
        table.add_row(name, Text(text))
    table.add_row("limits", Text("source {:,}, target {:,}".format(*limits)))
    table.add_row("bad rows", Text(str(log.count)))
    console.print(f"{settings.file}", style="bold", markup=False)
    console.print(table)
    log.tell(say)
    for row in examples:
        console.print(f"\n{row.id}", style="bold", markup=False)
        console.print(f"source: {_shorten(row.document)}", markup=False)
        for reference in row.references:
            console.print(f"target: {_shorten(reference)}", markup=False)


def _fields(settings: DataFileSettings) -> DataSettings:
    """What is set of the names of fields."""
    return DataSettings(
        "files",
        source_field=settings.source_field,
        target_field=settings.target_field,
        question_field=settings.question_field,
    )


def run(argv: Sequence[str]) -> int:
    """Read a data file, print its statistics and its first rows.

    Args:
        argv: arguments after `nutgraf data`.

    Returns:
        0.
    """
    settings = load_settings(
        DataFileSettings,
        argv,
        prog="nutgraf data",
        description="Show lengths, cut share, duplicates, bad and good rows of a file.",
        examples=[
            "nutgraf data news.jsonl",
            "nutgraf data mail.csv.gz --source_field body --target_field subject",
            "nutgraf data squad.jsonl.gz --task answer",
        ],
        positional=["file"],
    )
    from nutgraf.data.files import read_rows
    from nutgraf.data.stats import describe
    from nutgraf.text.tokenizer import Tokenizer

    limits = _limits(settings)
    tokenizer = None if settings.model is None else Tokenizer.load(settings.model)
    log = BadRowLog(settings.bad_rows)
    fields = task_of(settings.task).data(_fields(settings))
    rows = read_rows(
        settings.file,
        fields.source_field,
        fields.target_field,
        log=log,
        question_field=fields.question_field or None,
    )
    examples = list(itertools.islice(rows, settings.examples))
    report = describe(itertools.chain(examples, rows), tokenizer, *limits)
    _show(settings, report, limits, examples, log)
    return 0
