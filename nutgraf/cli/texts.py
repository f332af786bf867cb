"""What the commands that write texts share: one reader, one writer, one set of flags.

Plain texts in, lines out; jsonl in, jsonl out, each row with one more field.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import Fields, read_records
from nutgraf.data.rows import Row
from nutgraf.data.texts import read_texts
from nutgraf.errors import ConfigError, DataError
from nutgraf.ranges import check_ranges

__all__ = ["Item", "TextSettings", "Write", "chunks_of", "line_of", "note"]
__all__ += ["read_items", "write_items"]

_CHUNK = 256
"""Rows that are held in memory."""
_BATCH = 16
"""Rows that are written about at once."""

Write: TypeAlias = Callable[[Sequence[Row]], list[str]]


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """Settings of the commands that write texts."""

    files: tuple[Path, ...] = ()
    """Texts, or jsonl files (gzipped or not); - or nothing reads standard input. Needs
    no flag."""
    model: str
    """Model folder."""
    beams: int = 4
    """Hypotheses of beam search; 1 = greedy."""
    length: int = 0
    """Most word pieces of a text; 0 = the model's limit."""
    min_length: int = 0
    """Least word pieces of a text."""
    length_penalty: float = 1.0
    """Of beam search: 0 favours short texts, 1 is nearly neutral, more favours long."""
    no_repeat_ngram: int = 0
    """No n-gram of this size occurs twice in a text; 0 = off."""
    jsonl: bool = False
    """Read jsonl from standard input too."""
    source_field: str
    """For jsonl: field with the text to read."""
    target_field: str
    """For jsonl: new field for the text that is written."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """For jsonl: what to do with rows that cannot be used: stop, or leave them out."""

    def __post_init__(self) -> None:
        """Check the ranges; the model sets the upper ones."""
        sizes = "length", "min_length", "length_penalty", "no_repeat_ngram"
        check_ranges(self, beams=">= 1", **dict.fromkeys(sizes, ">= 0"))


class Item(NamedTuple):
    """What is to be written about.

    Attributes:
        row: its text.
        record: the jsonl row it came from; None for a plain text.
    """

    row: Row
    record: dict[str, Any] | None = None


def _records(
    settings: TextSettings, paths: Sequence[Path], question: str | None, log: BadRowLog
) -> Iterator[Item]:
    """Rows of jsonl files; none may have the field that the text will get."""
    fields = Fields(settings.source_field, question=question)
    for path in paths:
        stream = sys.stdin.buffer if str(path) == "-" else None
        for row, record in read_records(path, fields, log, "jsonl", stream):
            if settings.target_field in record:
                raise DataError(
                    "--target_field must name a field that the rows do not have. "
                    f"Received: `{settings.target_field}`, which is in {row.origin}. "
                    "Choose another, such as --target_field generated."
                )
            yield Item(row, record)


def _is_jsonl(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(".jsonl")


def read_items(
    settings: TextSettings, log: BadRowLog, question: str | None = None
) -> Iterator[Item]:
    """Read texts or rows, as the names of the files or `jsonl` say.

    Args:
        settings: of the command.
        log: takes the bad rows.
        question: for jsonl, the field with the question about the text; None = none.

    Returns:
        Iterator of what is to be written about.

    Raises:
        ConfigError: jsonl and plain texts are mixed.
        DataError: when it is read: a file cannot be used.
    """
    paths = settings.files or (Path("-"),)
    rows = [_is_jsonl(path) or (settings.jsonl and str(path) == "-") for path in paths]
    if any(rows) and not all(rows):
        text = paths[rows.index(False)]
        raise ConfigError(
            "Files must be all jsonl or all plain texts. Received: both, such as "
            f"{paths[rows.index(True)]} and {text}. Run the command once for each."
        )
    if "-" in map(str, paths) and sys.stdin.isatty():
        note("reading standard input; Ctrl-D ends it")
    if not all(rows):
        return (Item(row) for row in read_texts(paths, sys.stdin.buffer))
    return _records(settings, paths, question, log)


def note(line: str) -> None:
    """Say something beside the texts, on standard error.

    Args:
        line: without its end.
    """
    sys.stderr.write(line + "\n")


def chunks_of(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Take what is held in memory at once.

    Args:
        items: of `read_items`.

    Yields:
        Lists of them, in order.
    """
    while chunk := list(itertools.islice(items, _CHUNK)):
        yield chunk


def line_of(record: dict[str, Any]) -> str:
    """Return a row as JSON; as ASCII where it holds what is no valid Unicode.

    Args:
        record: the fields of the row.

    Returns:
        One line without its end.
    """
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record)
    return line


def _show(settings: TextSettings, item: Item, text: str, lines: bool) -> None:
    if item.record is not None:
        say(line_of({**item.record, settings.target_field: text}))
        return
    text = text if lines else " ".join(text.split())
    say(f"{item.row.id}: {text}" if len(settings.files) > 1 else text)


def write_items(
    settings: TextSettings,
    items: Iterator[Item],
    log: BadRowLog,
    how: Callable[[Any], Write] = lambda writer: writer,
    lines: bool = False,
) -> None:
    """Load the model, write a text for each item, show it.

    A mistake in the first chunk of the input is told before the model is loaded.

    Args:
        settings: of the command.
        items: of `read_items`.
        log: tells the bad rows at the end.
        how: makes what writes of a `nutgraf.recipes.write.Writer`.
        lines: whether plain texts keep their line breaks.

    Raises:
        ModelError: the model cannot be loaded.
        ConfigError: a setting does not fit the model.
    """
    chunks = chunks_of(items)
    first = next(chunks)
    load_backend()
    from nutgraf.evaluation.settings import STARTER
    from nutgraf.models.checkpoint import load_policy
    from nutgraf.recipes.write import Writer

    writer = Writer(
        load_policy(settings.model),
        settings.beams,
        settings.length,
        settings.min_length,
        settings.no_repeat_ngram,
        min(_BATCH, len(first)),
        settings.length_penalty,
    )
    if settings.model == STARTER:
        note(
            'The model "starter" has read Python docstrings alone: other texts come '
            "out badly. `nutgraf train` makes a model for them."
        )
    write = how(writer)
    count = 0
    for chunk in itertools.chain([first], chunks):
        texts = write([item.row for item in chunk])
        for item, text in zip(chunk, texts, strict=True):
            _show(settings, item, text, lines)
        count += len(chunk)
    if writer.cut:
        note(
            f"{writer.cut:,} of {count:,} texts were cut: the model reads the "
            f"first {writer.longest:,} word pieces; {writer.unread:,} were "
            "left unread."
        )
    log.tell(note)
