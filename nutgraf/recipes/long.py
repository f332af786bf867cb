r"""Summaries of texts that are longer than the model reads: windows, then again.

A text is cut at the ends of sentences into windows that the model can read, each of
which begins with the last sentence of the one before. Each window is summarised; where
their summaries together are still too long, they are cut into windows again; what fits
is summarised once more. So all of a text is read. Only where summaries do not get
shorter, the reader gets more of them than it reads: it cuts them, and counts that.

Reference: Wu et al. 2021, "Recursively Summarizing Books with Human Feedback", section
2.1, arXiv 2109.10862.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.text.sentences import join_sentences, split_sentences

__all__ = ["Reader", "Windows", "windows"]


class Reader(Protocol):
    """Writes one text per row, such as a `nutgraf.recipes.write.Writer`.

    What is longer than it reads, it cuts.

    Attributes:
        tokenizer: a `Tokenizer`.
        longest: word pieces that it reads.
    """

    tokenizer: Any
    longest: int

    def __call__(self, rows: Sequence[Row]) -> list[str]:
        """Write the texts.

        Args:
            rows: what to read.

        Returns:
            One text per row.
        """


def _pieces(sentence: str, limit: int, size: Callable[[str], int]) -> list[str]:
    """A sentence in parts that fit, halved until they do."""
    if size(sentence) <= limit or len(sentence) < 2:
        return [sentence]
    middle = len(sentence) // 2
    space = sentence.find(" ", middle)
    if 0 <= space < len(sentence) - 1:
        middle = space
    halves = sentence[:middle].strip(), sentence[middle:].strip()
    return [part for half in halves if half for part in _pieces(half, limit, size)]


def windows(
    text: str, limit: int, size: Callable[[str], int], overlap: int = 1
) -> list[str]:
    """Cut a text into windows at the ends of sentences.

    A sentence that does not fit is cut too, at a space where there is one.

    Args:
        text: any text.
        limit: largest size of a window, at least 1.
        size: of a text; that of joined texts is about the sum of theirs.
        overlap: sentences with which a window repeats the end of the one before, as
            far as they leave room for new ones.

    Returns:
        At least one window; together they hold every sentence, in order.

    Raises:
        ConfigError: `overlap` is negative, or `limit` less than 1.

    Example:
        >>> windows("A b. C d. E f.", 4, lambda text: len(text.split()))
        ['A b. C d.', 'C d. E f.']
    """
    if overlap < 0 or limit < 1:
        raise ConfigError(
            "overlap must be an integer >= 0 and limit >= 1. Received: "
            f"overlap={overlap}, limit={limit}. 1 sentence is usual."
        )
    sentences = [
        piece for one in split_sentences(text) for piece in _pieces(one, limit, size)
    ]
    found: list[str] = []
    start = fresh = 0
    while fresh < len(sentences):
        while (
            start < fresh and size(join_sentences(sentences[start : fresh + 1])) > limit
        ):
            start += 1  # the repeated sentences leave no room for a new one
        end = fresh + 1
        while end < len(sentences) and (
            size(join_sentences(sentences[start : end + 1])) <= limit
        ):
            end += 1
        found.append(join_sentences(sentences[start:end]))
        start, fresh = max(end - overlap, start + 1), end
    return found or [text]


class Windows:
    """Writes a summary per row, of all of it, however long it is.

    Args:
        write: the model's summaries of texts it can read.
        overlap: sentences that a window repeats, see `windows`.

    Raises:
        ConfigError: `overlap` is negative.
    """

    def __init__(self, write: Reader, overlap: int = 1) -> None:
        """Keep them."""
        self._write = write
        self._overlap = overlap
        windows("", 1, len, overlap)  # refuses a wrong overlap

    def __call__(self, rows: Sequence[Row]) -> list[str]:
        """Summarise rows.

        Args:
            rows: what to read.

        Returns:
            One summary per row, in order.
        """
        texts = [row.document for row in rows]
        long = [number for number, text in enumerate(texts) if not self._fits(text)]
        while long:
            left = []
            for number, text in zip(long, self._shorter(texts, long), strict=True):
                # what does not get shorter would never end
                shorter = self._size(text) < self._size(texts[number])
                if shorter and not self._fits(text):
                    left.append(number)
                texts[number] = text
            long = left
        return self._write(
            [row._replace(document=t) for row, t in zip(rows, texts, strict=True)]
        )

    def _shorter(self, texts: list[str], numbers: Sequence[int]) -> list[str]:
        """The summaries of the windows of some of the texts, joined for each."""
        cut = [
            windows(texts[number], self._write.longest, self._size, self._overlap)
            for number in numbers
        ]
        flat = [part for parts in cut for part in parts]
        found = iter(self._write([Row(str(n), part) for n, part in enumerate(flat)]))
        return [join_sentences([next(found) for _ in parts]) for parts in cut]

    def _size(self, text: str) -> int:
        return len(self._write.tokenizer.encode(text))

    def _fits(self, text: str) -> bool:
        return self._size(text) <= self._write.longest
