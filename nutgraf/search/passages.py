"""Long texts cut into passages that a model reads whole and a person at a glance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nutgraf.errors import ConfigError
from nutgraf.text.sentences import join_sentences, split_sentences
from nutgraf.text.words import CJK

__all__ = ["cut_passages"]

_CJK = re.compile(f"[{CJK}]")
_WORD = re.compile(rf"[^\W_{CJK}]+")
_IN_CJK = 2
"""Characters of Chinese or Japanese that say about as much as an English word."""


def _length(sentence: str) -> int:
    """About how many words a sentence has, in any script."""
    characters = len(_CJK.findall(sentence))
    return len(_WORD.findall(sentence)) + characters // _IN_CJK


def cut_passages(text: str, words: int) -> Iterator[str]:
    """Cut a text into passages of whole sentences.

    Args:
        text: any text.
        words: most words of a passage, at least 1; two Chinese characters count as
            one. A longer sentence is a passage of its own. 0 = do not cut.

    Yields:
        Passages that are not empty.

    Raises:
        ConfigError: `words` is negative.

    Example:
        >>> list(cut_passages("One two. Three. Four five six.", 3))
        ['One two. Three.', 'Four five six.']
    """
    if words < 0:
        raise ConfigError(
            f"words must be at least 0. Received: words={words}. 150 is a paragraph."
        )
    if not words:
        if text.strip():
            yield text.strip()
        return
    passage: list[str] = []
    room = words
    for sentence in split_sentences(text):
        length = _length(sentence)
        if passage and length > room:
            yield join_sentences(passage)
            passage, room = [], words
        passage.append(sentence)
        room -= length
    if passage:
        yield join_sentences(passage)
