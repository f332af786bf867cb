"""The one form in which text examples travel through nutgraf.

A source (a file, the installed docstrings, CNN/DailyMail) yields `Row`s; the codec of
a policy turns rows into arrays; metrics and rewards read the texts.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

__all__ = ["Row", "row_number"]


class Row(NamedTuple):
    """One example: a document and zero or more reference summaries.

    Attributes:
        id: stable name of the row, unique within its data set.
        document: the source text.
        references: reference summaries, the first is the one trained on; empty
            when there is none (text that is only to be summarised).
        origin: where the row came from, `file:line` or a module name, for messages.
        starts: for a question, where each reference begins in the text it is about, in
            characters, -1 where that is not told; empty = it is not told of any.
    """

    id: str
    document: str
    references: tuple[str, ...] = ()
    origin: str = ""
    starts: tuple[int, ...] = ()


def row_number(row_id: str) -> int:
    """Return the integer in [0, 2**31) that stands for a row in random draws.

    It depends on the id alone, so batch composition and order change no sample.

    Args:
        row_id: the `id` of a `Row`.

    Returns:
        int in [0, 2**31).

    Example:
        >>> row_number("json.decoder:JSONDecoder")
        946529642
    """
    return zlib.crc32(row_id.encode("utf-8")) & 0x7FFFFFFF
