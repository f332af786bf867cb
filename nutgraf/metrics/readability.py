"""Flesch reading ease: how easy an English text is by its sentences and syllables.

Syllables are counted by rule, without a dictionary: a run of the vowels a e i o u y is
one syllable; a silent e at the end (make, makes, not table, agree), and the ed of past
tenses (looked, not wanted, needed), are none; every word has at least one. The rule is
off by one for some words (science, being, hundred); a number counts as one.

Reference: Flesch 1948, "A new readability yardstick".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nutgraf.text.sentences import split_sentences

__all__ = ["reading_ease", "syllables"]

_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)*")
_VOWELS = re.compile("[aeiouy]+")
# A consonant before -e, -es or -ed. The e is heard in -le after a consonant (table),
# in -ted and -ded, and in -es after s, x, z, ch, sh, c, g (boxes, changes).
_SILENT = re.compile(
    r"(?:[^aeiouyl]|[aeiouy]l)e$|[^aeiouysxzhcgl]es$|[aeiouy]les$|[^aeiouytd]ed$"
)


@lru_cache(maxsize=1 << 16)
def syllables(word: str) -> int:
    """Count the syllables of an English word by the rule at the top of this file.

    Args:
        word: letters in any case.

    Returns:
        At least 1.

    Example:
        >>> [syllables(word) for word in ["make", "table", "looked", "wanted"]]
        [1, 2, 1, 2]
    """
    lower = word.lower()
    count = len(_VOWELS.findall(lower))
    if count > 1 and _SILENT.search(lower):
        count -= 1
    return max(1, count)


def reading_ease(texts: Sequence[str]) -> np.ndarray:
    """Return the Flesch reading ease of English texts.

    206.835 - 1.015 * words per sentence - 84.6 * syllables per word. 60-70 is plain
    English, below 30 academic; a text of one-syllable words goes above 100. Sentences
    are those of `nutgraf.text.sentences`.

    Args:
        texts: n texts.

    Returns:
        float64 (n,), at most 121.22; -inf for a text without words.

    Example:
        >>> # 6 words, 1 sentence, 6 syllables: 206.835 - 6.09 - 84.6
        >>> reading_ease(["The cat sat on the mat."]).round(3).tolist()
        [116.145]

    Reference: Flesch 1948.
    """
    scores = np.full(len(texts), -np.inf)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower())
        if words:
            sentences = max(1, len(split_sentences(text)))
            spoken = sum(syllables(word) for word in words)
            scores[row] = (
                206.835 - 1.015 * len(words) / sentences - 84.6 * spoken / len(words)
            )
    return scores
