"""Rows from jsonl, csv, tsv and parquet files, the first three gzipped or not.

Files are read as streams, so memory does not grow with their length. What cannot be
used is named by file, line and reason (`BadRowLog`).
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.questions import ask
from nutgraf.data.records import (
    Record,
    open_binary,
    read_delimited,
    read_json_lines,
    read_parquet,
)
from nutgraf.data.rows import Row
from nutgraf.errors import DataError

__all__ = ["KINDS", "Fields", "check_file", "field_names", "kind_of"]
__all__ += ["missing_field", "read_records", "read_rows"]

KINDS = ("jsonl", "csv", "tsv", "parquet")


class Fields(NamedTuple):
    """Fields of a record that make a row.

    Attributes:
        source: field or column with the source text.
        target: field or column with the text to write; None reads sources only.
        question: field or column with a question about the source; None = no question.
        no_answers: whether an empty list of answers says that the text has none.
    """

    source: str
    target: str | None = None
    question: str | None = None
    no_answers: bool = False

    @property
    def names(self) -> dict[str, str]:
        """Kind of field -> its name, for those that are read."""
        kinds = "source", "target", "question"
        return {kind: name for kind in kinds if (name := getattr(self, kind))}


def kind_of(path: Path) -> str:
    """Return the format that a file name tells.

    Args:
        path: file name, perhaps with `.gz` behind.

    Returns:
        One of `KINDS`.

    Raises:
        DataError: the name tells none.

    Example:
        >>> kind_of(Path("news.train.jsonl.gz"))
        'jsonl'
    """
    name = path.name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2]
    if kind not in KINDS or (kind == "parquet" and name.endswith(".gz")):
        raise DataError(
            "A data file must end in .jsonl, .csv, .tsv (each also with .gz behind) or "
            f".parquet. Received: {path}. Rename or convert it; a JSON list becomes "
            "jsonl when each of its entries is put on a line of its own."
        )
    return kind


def check_file(path: Path) -> None:
    """Refuse what is no file, with a hint at the one that is meant.

    Args:
        path: the file as the user named it.

    Raises:
        DataError: it is missing, or a folder.
    """
    if not path.exists():
        there = path.parent.iterdir() if path.parent.is_dir() else ()
        near = [  # alike without their ends too
            name
            for name in difflib.get_close_matches(path.name, [p.name for p in there])
            if difflib.get_close_matches(path.stem.split(".")[0], [name.split(".")[0]])
        ]
        hint = f"Did you mean {path.parent / near[0]}?" if near else "Check the path."
        raise DataError(
            f"A data file must exist. Received: {path}, which does not. {hint}"
        )
    if path.is_dir():
        raise DataError(
            f"A data file must be a file. Received: {path}, a folder. Give one of the "
            "files in it."
        )


def missing_field(name: str, fields: Iterable[str]) -> str:
    """Say that a field is missing, and which field may be meant.

    Args:
        name: the field asked for.
        fields: the fields there are.

    Returns:
        One sentence without a full stop.
    """
    there = [str(field) for field in fields]
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"the field `{name}` is missing (there are: {', '.join(there)}){hint}"


def _text(value: Any, name: str) -> str:
    """A usable text, or ValueError with the reason."""
    if not isinstance(value, str):
        kind = "null" if value is None else type(value).__name__
        raise ValueError(f"`{name}` must be text, not {kind}")
    if not value.strip():
        raise ValueError(f"`{name}` is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"`{name}` is not valid Unicode: {error.reason}") from error
    return value


def _texts(value: Any, name: str) -> tuple[str, ...]:
    """The usable texts of a target, or ValueError with the reason.

    One text or a list of them; answers also as SQuAD has them: objects with a `text`.
    """
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    several = value if isinstance(value, list) else [value]
    if not several:
        raise ValueError(f"`{name}` is empty")
    plain = [
        item["text"] if isinstance(item, dict) and "text" in item else item
        for item in several
    ]
    return tuple(_text(item, name) for item in plain)


def _says_none(value: Any) -> bool:
    """Whether SQuAD 2 says so that a text has no answer: an empty list of answers."""
    return value == [] or (isinstance(value, dict) and value.get("text") == [])


def _starts(value: Any) -> tuple[int, ...]:
    """Where answers begin, as SQuAD has it: `answer_start` in each, or one list."""
    if isinstance(value, dict):
        given = value.get("answer_start")
        found = given if isinstance(given, list) else [given]
    else:
        several = value if isinstance(value, list) else [value]
        found = [
            item.get("answer_start") if isinstance(item, dict) else None
            for item in several
        ]
    told = tuple(start if type(start) is int and start >= 0 else -1 for start in found)
    return told if any(start >= 0 for start in told) else ()


def _row(record: dict[str, Any], fields: Fields, file: str, line: int) -> Row:
    """The row of a record, or ValueError with the reason."""
    for name in fields.names.values():
        if name not in record:
            raise ValueError(missing_field(name, record))
    document = _text(record[fields.source], fields.source)
    if fields.question is not None:
        question = _text(record[fields.question], fields.question)
        document = ask(question, document)
    references: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()
    if fields.target is not None:
        target = record[fields.target]
        if fields.no_answers and _says_none(target):
            references = ("",)
        else:
            references = _texts(target, fields.target)
        starts = () if fields.question is None else _starts(target)
    given = record.get("id")
    usable = isinstance(given, str | int) and str(given).strip()
    return Row(
        str(given) if usable else f"{Path(file).name}:{line}",
        document,
        references,
        f"{file}:{line}",
        starts,
    )


def _records(
    path: Path,
    kind: str,
    columns: Sequence[str],
    check: Callable[[Sequence[str]], None],
    stream: BinaryIO | None = None,
) -> Iterator[Record]:
    """Records of any format; `check` is called with the header of those with one."""
    if kind == "parquet":
        yield from read_parquet(path, columns, check)
        return
    with nullcontext(stream) if stream else open_binary(path) as binary:
        if kind == "jsonl":
            yield from read_json_lines(binary)
        else:
            yield from read_delimited(binary, "\t" if kind == "tsv" else ",", check)


def field_names(path: Path) -> list[str]:
    """Return the fields of the first whole record of a file; none when there is none.

    Args:
        path: an existing data file.

    Returns:
        Names of columns, or keys of the first JSON object.

    Raises:
        DataError: the format is unknown.
    """
    header: list[str] = []
    for _, record in _records(path, kind_of(path), [], header.extend):
        if header or isinstance(record, dict):
            return header or list(record)
    return header


def _check_header(
    path: Path, fields: Fields, section: str
) -> Callable[[Sequence[str]], None]:
    """A check of the column names: a wrong name is an error of the whole file."""

    def check(header: Sequence[str]) -> None:
        for kind, name in fields.names.items():
            if name not in header:
                raise DataError(
                    f"{section}{kind}_field must name a column. Received: {path}: "
                    f"{missing_field(name, header)}. Set it to one of these."
                )

    return check


def read_records(
    path: str | Path,
    fields: Fields,
    log: BadRowLog,
    kind: str | None = None,
    stream: BinaryIO | None = None,
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Read rows from a file, one at a time, each with the record that it was made of.

    Args:
        path: the file.
        fields: which fields or columns make a row.
        log: takes the bad rows.
        kind: one of `KINDS`; by default from the file name.
        stream: read from this binary stream (standard input); `path` is then only the
            name used in messages.

    Returns:
        Iterator in the order of the file: a row, and all fields of its record; of
        parquet only those are read that make the row.

    Raises:
        DataError: the file is missing or damaged, the format is unknown, a field is in
            no row, a row is bad, or no row is left.

    Example:
        >>> import io
        >>> lines = io.BytesIO(b'{"text": "It rains.", "day": 1}')
        >>> log = BadRowLog("fail")
        >>> found = read_records("-", Fields("text"), log, "jsonl", stream=lines)
        >>> next(found)[1]["day"]
        1
    """
    path = Path(path)
    if stream is None:
        check_file(path)
    kind = kind or kind_of(path)
    if kind not in KINDS:
        raise DataError(
            f"The format must be one of {', '.join(KINDS)}. Received: {kind!r}. Leave "
            "it out to tell it by the file's name."
        )
    if kind == "parquet" and stream is not None:
        raise DataError(
            "A stream must be jsonl, csv or tsv. Received: parquet. Save it as a file."
        )
    columns = [*fields.names.values(), "id"]
    check = _check_header(path, fields, log.section)
    records = _records(path, kind, columns, check, stream)
    return _good(path, records, fields, log)


def _good(
    path: Path, records: Iterator[Record], fields: Fields, log: BadRowLog
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """The records that make a row; the others go into the log."""
    file = str(path)
    before = log.good
    try:
        for line, record in records:
            try:
                if isinstance(record, str):
                    raise ValueError(record)
                row = _row(record, fields, file, line)
            except ValueError as error:
                log.add(file, line, str(error))
                continue
            log.good += 1
            if not (log.count and log.policy == "fail"):
                yield row, record  # after a bad row only the others are looked for
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"A data file must be readable to its end. Received: {path}: {error}. "
            "Copy or download it again."
        ) from error
    log.check()
    if log.good == before:
        found = f", only {log.report()}" if log.count else "."
        raise DataError(
            f"A data file must hold at least one usable row. Received: {path} with "
            f"none{found}\nMend it, name other fields, or give another file."
        )


def read_rows(
    path: str | Path,
    source_field: str = "document",
    target_field: str | None = "summary",
    bad_rows: str = "fail",
    kind: str | None = None,
    log: BadRowLog | None = None,
    stream: BinaryIO | None = None,
    question_field: str | None = None,
    no_answers: bool = False,
) -> Iterator[Row]:
    """Read rows from a file, one at a time.

    A row's id is its field `id` when there is one, else `file name:line`. The target
    may be a list of texts (several references), or of objects with a `text`, as SQuAD's
    answers are. Empty lines of jsonl are passed over.

    Args:
        path: the file.
        source_field: field or column with the source text.
        target_field: field or column with the text to write; None reads sources only.
        bad_rows: "fail": a DataError names the first ten bad rows; "skip": they are
            left out, counted, and reported in a warning unless `log` is given.
        kind: one of `KINDS`; by default from the file name.
        log: takes the bad rows; its policy goes before `bad_rows`.
        stream: read from this binary stream (standard input); `path` is then only the
            name used in messages.
        question_field: field or column with a question about the source, which becomes
            the first line of the document; None = no question.
        no_answers: whether an empty list of answers says that the text has none: the
            reference is "" then, otherwise the row is bad.

    Returns:
        Iterator of rows in the order of the file.

    Raises:
        DataError: the file is missing or damaged, the format is unknown, a field is in
            no row, a row is bad, or no row is left.
        ConfigError: `bad_rows` is unknown.

    Example:
        >>> import io
        >>> lines = io.BytesIO(b'{"text": "It rains.", "title": "Rain"}')
        >>> next(read_rows("-", "text", "title", kind="jsonl", stream=lines))[:3]
        ('-:1', 'It rains.', ('Rain',))
    """
    own = log or BadRowLog(bad_rows)
    fields = Fields(source_field, target_field, question_field, no_answers)
    records = read_records(path, fields, own, kind, stream)

    def rows() -> Iterator[Row]:
        yield from (row for row, _ in records)
        if log is None:
            own.tell()

    return rows()
