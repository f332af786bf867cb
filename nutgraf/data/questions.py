r"""A question and the text that answers it, as one source; the question comes first.

Line breaks survive the tokenizer, and the question comes first, so that a text that is
too long loses its end, not the question.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Asked", "ask", "split_asked"]


class Asked(NamedTuple):
    """A question and the text it is about."""

    question: str
    context: str


def ask(question: str, context: str) -> str:
    r"""Put a question and a text together.

    Args:
        question: any text; its line breaks become spaces.
        context: any text.

    Returns:
        One text.

    Example:
        >>> ask("Who\n sat?", "A cat sat.")
        'Who sat?\nA cat sat.'
    """
    return f"{' '.join(question.split())}\n{context}"


def split_asked(document: str) -> Asked:
    r"""Take apart what `ask` has put together.

    Args:
        document: of `ask`.

    Returns:
        The question on one line, and the text as it was.

    Example:
        >>> split_asked("Who sat?\nA cat sat.\nIt slept.").context
        'A cat sat.\nIt slept.'
    """
    question, _, context = document.partition("\n")
    return Asked(question, context)
