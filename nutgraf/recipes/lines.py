r"""Translate a text of many lines: each line, or each sentence, on its own.

Models of translation learn from sentences; a page is nothing that they have seen. Line
breaks stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nutgraf.data.rows import Row
from nutgraf.text.sentences import join_sentences, split_sentences

__all__ = ["LineByLine"]


class LineByLine:
    r"""Writes a text per row, line by line.

    Args:
        write: writes one text per row, such as a `Writer`.
        sentences: whether each sentence of a line is written about on its own.

    Example:
        >>> def upper(rows):
        ...     return [row.document.upper() for row in rows]
        >>> LineByLine(upper)([Row("1", "One.\n\nTwo. Three.")])
        ['ONE.\n\nTWO. THREE.']
    """

    def __init__(
        self, write: Callable[[Sequence[Row]], list[str]], sentences: bool = False
    ) -> None:
        """Keep them."""
        self._write = write
        self._sentences = sentences

    def __call__(self, rows: Sequence[Row]) -> list[str]:
        """Write the texts.

        Args:
            rows: what to read.

        Returns:
            One text per row, with as many lines as its source; empty ones stay empty.
        """
        lines = [
            [self._parts(line) for line in row.document.split("\n")] for row in rows
        ]
        pieces = [part for row in lines for parts in row for part in parts]
        found = iter(self._write([Row(str(n), part) for n, part in enumerate(pieces)]))
        return [
            "\n".join(
                join_sentences([" ".join(next(found).split()) for _ in parts])
                for parts in row
            )
            for row in lines
        ]

    def _parts(self, line: str) -> list[str]:
        if self._sentences:
            return split_sentences(line)
        return [line.strip()] if line.strip() else []
