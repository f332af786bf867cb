"""Exact match and token F1 of short answers: the numbers of the SQuAD scripts.

English answers are compared in lower case, without ASCII punctuation and the articles
a, an, the. Chinese ones ("cjk") have no articles; every kind of punctuation goes, and
each character is a token, as in MLQA's script. Where an answer has nothing left, both
scores ask whether the other one is empty too (version 2.0; version 1.1 gives F1 0).

Reference: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension
of Text", section 6, arXiv 1606.05250; Lewis et al. 2020, "MLQA", arXiv 1910.07475.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from nutgraf.errors import ConfigError
from nutgraf.metrics.rows import check_references
from nutgraf.text.words import PIECE, WordKind

__all__ = ["answer_words", "exact_match", "token_f1"]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def answer_words(text: str, words: WordKind = "english") -> list[str]:
    """Return the tokens by which two answers are compared.

    Args:
        text: an answer.
        words: "english" or "cjk".

    Returns:
        Lower-case tokens in order, without punctuation and English articles.

    Raises:
        ConfigError: `words` is neither of the two.

    Example:
        >>> answer_words("The U.S. Army, in 1944")
        ['us', 'army', 'in', '1944']
        >>> answer_words("《红楼梦》 by 曹", "cjk")
        ['红', '楼', '梦', 'by', '曹']
    """
    if words == "english":
        plain = text.lower().translate(_NO_PUNCTUATION)
        return _ARTICLE.sub(" ", plain).split()
    if words != "cjk":
        raise ConfigError(
            f'words must be "english" or "cjk". Received: {words!r}. Use "cjk" for '
            "Chinese, Japanese and Korean."
        )
    plain = "".join(
        letter
        for letter in text.lower()
        if letter not in string.punctuation and unicodedata.category(letter)[0] != "P"
    )
    return PIECE.findall(plain)


def _exact(left: list[str], right: list[str]) -> float:
    return float(left == right)


def _f1(left: list[str], right: list[str]) -> float:
    if not left or not right:
        return float(left == right)
    same = sum((Counter(left) & Counter(right)).values())
    return 2.0 * same / (len(left) + len(right))


def _scores(
    score: Callable[[list[str], list[str]], float],
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    words: WordKind,
) -> np.ndarray:
    """Return 100 times the best score over the references of each row."""
    check_references(predictions, references)
    found = np.zeros(len(predictions))
    for number, (text, row) in enumerate(zip(predictions, references, strict=True)):
        own = answer_words(text, words)
        best = max(score(own, answer_words(other, words)) for other in row)
        found[number] = 100.0 * best
    return found


def exact_match(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    words: WordKind = "english",
) -> np.ndarray:
    """Say of each answer whether it equals one of its references.

    Args:
        predictions: n answers.
        references: n lists of one or more answers.
        words: "english" or "cjk", see `answer_words`.

    Returns:
        float64 (n,), 100 or 0.

    Raises:
        ConfigError: `words` is unknown.
        DataError: the numbers of rows differ, or a row has no reference.

    Example:
        >>> exact_match(["the Army!", "navy"], [["army"], ["the army"]]).tolist()
        [100.0, 0.0]

    Reference: Rajpurkar et al. 2016, section 6.1.
    """
    return _scores(_exact, predictions, references, words)


def token_f1(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    words: WordKind = "english",
) -> np.ndarray:
    """Return the F1 of the tokens of each answer and its best reference.

    Args:
        predictions: n answers.
        references: n lists of one or more answers.
        words: "english" or "cjk", see `answer_words`.

    Returns:
        float64 (n,) in 0-100.

    Raises:
        ConfigError: `words` is unknown.
        DataError: the numbers of rows differ, or a row has no reference.

    Example:
        >>> # 1 shared token of 2 and of 1: 2 / 3
        >>> token_f1(["the US army"], [["army"]]).round(2).tolist()
        [66.67]

    Reference: Rajpurkar et al. 2016, section 6.1.
    """
    return _scores(_f1, predictions, references, words)
