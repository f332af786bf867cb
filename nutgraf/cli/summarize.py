"""`nutgraf summarize`: text in, summary out; files of rows or standard input."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import Fields, read_records
from nutgraf.data.rows import Row
from nutgraf.data.texts import read_texts
from nutgraf.errors import ConfigError, DataError
from nutgraf.ranges import check_ranges

__all__ = ["SummarizeSettings", "run"]

_CHUNK = 256
"""Rows that are held in memory."""
_BATCH = 16
"""Rows that are summarised at once."""


@dataclass(frozen=True)
class SummarizeSettings:
    """Settings of `nutgraf summarize`."""

    files: tuple[Path, ...] = ()
    """Texts, or jsonl files (gzipped or not); - or nothing reads standard input. Needs
    no flag."""
    model: str = "starter"
    """Model folder; "starter" for the one in the package."""
    beams: int = 4
    """Hypotheses of beam search; 1 = greedy."""
    length: int = 0
    """Most word pieces of a summary; 0 = the model's limit."""
    min_length: int = 0
    """Least word pieces of a summary."""
    length_penalty: float = 1.0
    """Of beam search: 0 favours short texts, 1 is nearly neutral, more favours long."""
    no_repeat_ngram: int = 3
    """No n-gram of this size occurs twice in a summary; 0 = off."""
    jsonl: bool = False
    """Read jsonl from standard input too."""
    document_field: str = "document"
    """For jsonl: field with the text."""
    summary_field: str = "summary"
    """For jsonl: new field for the summary."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """For jsonl: what to do with rows that cannot be used: stop, or leave them out."""

    def __post_init__(self) -> None:
        """Check the ranges; the model sets the upper ones."""
        sizes = "length", "min_length", "length_penalty", "no_repeat_ngram"
        check_ranges(self, beams=">= 1", **dict.fromkeys(sizes, ">= 0"))


class _Item(NamedTuple):
    """What is to be summarised.

    Attributes:
        row: its text.
        record: the jsonl row it came from; None for a plain text.
    """

    row: Row
    record: dict[str, Any] | None = None


def _records(
    settings: SummarizeSettings, paths: Sequence[Path], log: BadRowLog
) -> Iterator[_Item]:
    """Rows of jsonl files; none may have the field that the summary will get."""
    for path in paths:
        stream = sys.stdin.buffer if str(path) == "-" else None
        fields = Fields(settings.document_field)
        for row, record in read_records(path, fields, log, "jsonl", stream):
            if settings.summary_field in record:
                raise DataError(
                    "--summary_field must name a field that the rows do not have. "
                    f"Received: `{settings.summary_field}`, which is in {row.origin}. "
                    "Choose another, such as --summary_field generated."
                )
            yield _Item(row, record)


def _is_jsonl(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(".jsonl")


def _items(settings: SummarizeSettings, log: BadRowLog) -> Iterator[_Item]:
    """Texts or rows, as the names of the files or --jsonl say."""
    paths = settings.files or (Path("-"),)
    rows = [_is_jsonl(path) or (settings.jsonl and str(path) == "-") for path in paths]
    if any(rows) and not all(rows):
        text = paths[rows.index(False)]
        raise ConfigError(
            "Files must be all jsonl or all plain texts. Received: both, such as "
            f"{paths[rows.index(True)]} and {text}. Run the command once for each."
        )
    if "-" in map(str, paths) and sys.stdin.isatty():
        _note("reading standard input; Ctrl-D ends it")
    if not all(rows):
        return (_Item(row) for row in read_texts(paths, sys.stdin.buffer))
    return _records(settings, paths, log)


def _note(line: str) -> None:
    sys.stderr.write(line + "\n")


def _chunks(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while chunk := list(itertools.islice(items, _CHUNK)):
        yield chunk


def _line(record: dict[str, Any]) -> str:
    """A row as JSON; as ASCII where it holds what is no valid Unicode."""
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record)
    return line


def _show(settings: SummarizeSettings, item: _Item, summary: str) -> None:
    if item.record is not None:
        say(_line({**item.record, settings.summary_field: summary}))
        return
    summary = " ".join(summary.split())
    say(f"{item.row.id}: {summary}" if len(settings.files) > 1 else summary)


def run(argv: Sequence[str]) -> int:
    """Summarise texts.

    Args:
        argv: arguments after `nutgraf summarize`.

    Returns:
        0.
    """
    settings = load_settings(
        SummarizeSettings,
        argv,
        prog="nutgraf summarize",
        description=(
            "Write a summary of each text. A jsonl file gives jsonl: each row with one "
            "more field."
        ),
        examples=[
            'echo "some text" | nutgraf summarize',
            "nutgraf summarize letter.txt report.txt --model runs/rl/last",
            "nutgraf summarize news.jsonl --document_field article > short.jsonl",
        ],
        positional=["files"],
    )
    log = BadRowLog(settings.bad_rows)
    chunks = _chunks(_items(settings, log))
    first = next(chunks)  # a mistake in the input is told before the model is loaded
    load_backend()
    from nutgraf.models.checkpoint import load_policy
    from nutgraf.recipes.summarize import Summarizer

    summarizer = Summarizer(
        load_policy(settings.model),
        settings.beams,
        settings.length,
        settings.min_length,
        settings.no_repeat_ngram,
        min(_BATCH, len(first)),
        settings.length_penalty,
    )
    count = 0
    for chunk in itertools.chain([first], chunks):
        summaries = summarizer([item.row for item in chunk])
        for item, summary in zip(chunk, summaries, strict=True):
            _show(settings, item, summary)
        count += len(chunk)
    if summarizer.cut:
        _note(
            f"{summarizer.cut:,} of {count:,} texts were cut: the model reads the "
            f"first {summarizer.longest:,} word pieces; {summarizer.unread:,} were "
            "left unread."
        )
    log.tell(_note)
    return 0
