"""Rows on disk, read again by their place: memory does not grow with the data.

Sources are streams, and RL asks for rows in any order. So the rows are written once,
end to end, into a file without a name, which the system removes with the process;
memory holds 8 bytes a row, where each begins. They are read, not mapped: mapped pages
would count as memory of the process.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, overload

from nutgraf.data.rows import Row

__all__ = ["RowStore", "rows_on_disk"]


class RowStore(Sequence[Row]):
    """A sequence of rows that lie in a file.

    Args:
        rows: the rows, read once, one at a time.
        file: open for reading and writing, empty; as long as the store is used.
    """

    def __init__(self, rows: Iterable[Row], file: IO[bytes]) -> None:
        """Write the rows."""
        self._file = file
        self._starts = array("q", [0])
        for row in rows:
            line = json.dumps(row, ensure_ascii=False)
            size = file.write(line.encode("utf-8", "surrogatepass"))
            self._starts.append(self._starts[-1] + size)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return a row, or the list of rows of a slice."""
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self._read(place) for place in places]
        return self._read(places)

    def _read(self, place: int) -> Row:
        start, end = self._starts[place : place + 2]
        self._file.seek(start)
        row_id, document, references, origin, starts = json.loads(
            self._file.read(end - start)
        )
        return Row(row_id, document, tuple(references), origin, tuple(starts))


@contextmanager
def rows_on_disk(rows: Iterable[Row], folder: Path) -> Iterator[RowStore]:
    """Keep rows on disk as long as the context lasts.

    Args:
        rows: the rows, read once, one at a time.
        folder: where there is room for them, made when absent; nothing is left in it.

    Yields:
        The same rows as a sequence.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with rows_on_disk([Row("a", "It rains.")], Path(folder)) as rows:
        ...         rows[-1]
        Row(id='a', document='It rains.', references=(), origin='', starts=())
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        yield RowStore(rows, file)
