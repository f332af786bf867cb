"""Records from jsonl, csv, tsv and parquet, streamed."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from nutgraf.errors import DataError

__all__ = ["Record", "open_binary", "read_delimited", "read_json_lines"]
__all__ += ["read_parquet"]

Record: TypeAlias = tuple[int, dict[str, Any] | str]
"""Line or row number from 1, and the fields, or the reason why there are none."""

LONGEST_CELL = 2**31 - 1
ROWS_AT_ONCE = 256


def open_binary(path: Path) -> BinaryIO:
    """Open a file, unpacking it when its name ends in `.gz`.

    Args:
        path: the file.

    Returns:
        A stream of bytes.

    Raises:
        OSError: the file cannot be read.
    """
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    return cast(BinaryIO, opened(path, "rb"))


def read_json_lines(stream: Iterable[bytes]) -> Iterator[Record]:
    """Yield the objects of a jsonl file; empty lines are passed over.

    Args:
        stream: lines of bytes.

    Yields:
        Line number from 1, and the object.

    Example:
        >>> list(read_json_lines([b'{"a": 1}', b" ", b"[]"]))
        [(1, {'a': 1}), (3, 'must be a JSON object, not list')]
    """
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield number, f"invalid UTF-8 at byte {error.start + 1} of the line"
        except (ValueError, RecursionError) as error:
            yield number, f"broken JSON: {error}"
        else:
            kind = type(value).__name__
            good = isinstance(value, dict)
            yield number, value if good else f"must be a JSON object, not {kind}"


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Decode lines; bytes that are no UTF-8 become lone surrogates."""
    for number, line in enumerate(stream):
        if number == 0:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield line.decode("utf-8", "surrogateescape")


def _cells(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any] | str:
    if len(cells) != len(header):
        return f"has {len(cells)} columns, the header has {len(header)}"
    if any("\udc80" <= char <= "\udcff" for cell in cells for char in cell):
        return "invalid UTF-8"
    return dict(zip(header, cells, strict=True))


def read_delimited(
    stream: Iterable[bytes],
    delimiter: str,
    check_header: Callable[[Sequence[str]], None],
) -> Iterator[Record]:
    """Yield the records of a csv or tsv file; the first line names the columns.

    Args:
        stream: lines of bytes.
        delimiter: "," or a tab.
        check_header: called with the column names; raises when they will not do.

    Yields:
        Line on which a record begins (cells may hold line breaks) and its fields.
    """
    csv.field_size_limit(LONGEST_CELL)  # the default refuses articles of 128 kB
    reader = csv.reader(_lines(stream), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"broken table row: {error}"
            continue
        if header is None:
            header = cells
            check_header(header)
        elif cells:
            yield line, _cells(header, cells)


def _objects(batch: Any) -> Iterator[dict[str, Any] | str]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:  # says not in which row
        for index in range(batch.num_rows):
            try:
                yield batch.slice(index, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield "invalid UTF-8"


def read_parquet(
    path: Path, columns: Sequence[str], check_header: Callable[[Sequence[str]], None]
) -> Iterator[Record]:
    """Yield the records of a parquet file, a few hundred at a time.

    Args:
        path: the file.
        columns: columns to read, where they exist.
        check_header: called with the column names; raises when they will not do.

    Yields:
        Row number from 1 and fields.

    Raises:
        DataError: it is no parquet file.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            check_header(names)
            wanted = [name for name in columns if name in names]
            number = 0
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted):
                for record in _objects(batch):
                    number += 1
                    yield number, record
    except pyarrow.ArrowException as error:
        raise DataError(
            f"A parquet file must be whole. Received: {path}: {error}. Copy or "
            "download it again."
        ) from error
