"""What ROUGE does not show: length, repetition, and how much is copied.

All shares are in per cent (0-100) and one number per row; words are those of ROUGE
without stemming, so that "copied" means the same letters. A text with too few words
for a share gets 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nutgraf.errors import ConfigError, DataError
from nutgraf.text.words import WordKind, split_words

__all__ = ["Lengths", "copied_share", "length_ratio", "longest_copied"]
__all__ += ["novel_ngrams", "repetition"]

_Ngram = tuple[str, ...]


class Lengths(NamedTuple):
    """Words per row, kept apart so that rows add up to a corpus ratio.

    Attributes:
        predicted: (n,) int64, words of each prediction.
        wanted: (n,) int64, words of the first reference of each row.
    """

    predicted: np.ndarray
    wanted: np.ndarray

    @property
    def ratio(self) -> float:
        """Words of all predictions over words of all first references (1 = equal)."""
        return float(self.predicted.sum() / max(1, self.wanted.sum()))


def _ngrams(words: list[str], n: int) -> list[_Ngram]:
    """Return all runs of n words, in order."""
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def _check_n(n: int) -> None:
    if n < 1:
        raise ConfigError(f"n must be at least 1 word. Received: {n}. Use 2 or 3.")


def _check_rows(predictions: Sequence[str], others: Sequence[object]) -> None:
    if len(predictions) != len(others):
        raise DataError(
            "There must be as many predictions as rows. Received: "
            f"{len(predictions)} predictions, {len(others)} rows. Check that both come "
            "from the same file."
        )


def length_ratio(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    words: WordKind = "english",
) -> Lengths:
    """Count the words of predictions and first references.

    Args:
        predictions: n texts.
        references: n lists of one or more texts; the first one counts.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        The counts of each row; `.ratio` is the ratio of their sums.

    Raises:
        DataError: the numbers of rows differ.

    Example:
        >>> length_ratio(["a b", "c"], [["a b c d"], ["c d"]]).ratio
        0.5
    """
    _check_rows(predictions, references)

    def count(text: str) -> int:
        return len(split_words(text, words, stem=False))

    return Lengths(
        np.array([count(text) for text in predictions], dtype=np.int64),
        np.array([count(row[0]) for row in references], dtype=np.int64),
    )


def repetition(
    predictions: Sequence[str], n: int = 2, words: WordKind = "english"
) -> np.ndarray:
    """Return the share of n-grams that were there before in the same text.

    1 - distinct n-grams / all n-grams, in per cent.

    Args:
        predictions: texts.
        n: words per n-gram, at least 1.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        float64 array, one number in 0-100 per text; 0 for less than n words.

    Raises:
        ConfigError: `n` is less than 1.

    Example:
        >>> repetition(["a b a b a", "a b c"]).tolist()
        [50.0, 0.0]
    """
    _check_n(n)
    shares = np.zeros(len(predictions))
    for row, text in enumerate(predictions):
        found = _ngrams(split_words(text, words, stem=False), n)
        if found:
            shares[row] = 100.0 * (1.0 - len(set(found)) / len(found))
    return shares


def novel_ngrams(
    predictions: Sequence[str],
    documents: Sequence[str],
    n: int = 2,
    words: WordKind = "english",
) -> np.ndarray:
    """Return the share of n-grams of a prediction that its document does not have.

    Args:
        predictions: texts.
        documents: the source of each, as many.
        n: words per n-gram, at least 1.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        float64 array, one number in 0-100 per text; 0 for less than n words.

    Raises:
        ConfigError: `n` is less than 1.
        DataError: the numbers of rows differ.

    Example:
        >>> novel_ngrams(["a b c"], ["x a b y"]).tolist()
        [50.0]

    Reference: See et al. 2017, "Get To The Point", figure 6, arXiv 1704.04368.
    """
    _check_n(n)
    _check_rows(predictions, documents)
    shares = np.zeros(len(predictions))
    for row, (text, document) in enumerate(zip(predictions, documents, strict=True)):
        found = _ngrams(split_words(text, words, stem=False), n)
        if found:
            known = set(_ngrams(split_words(document, words, stem=False), n))
            novel = sum(item not in known for item in found)
            shares[row] = 100.0 * novel / len(found)
    return shares


def copied_share(
    predictions: Sequence[str],
    documents: Sequence[str],
    n: int = 3,
    words: WordKind = "english",
) -> np.ndarray:
    """Return the share of words inside a run of n or more words of the document.

    With n = 1 this is the extractive fragment coverage of Grusky et al.; a larger n
    leaves out chance matches of single common words.

    Args:
        predictions: texts.
        documents: the source of each, as many.
        n: shortest run that counts as copied, in words, at least 1.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        float64 array, one number in 0-100 per text; 0 for a text without words.

    Raises:
        ConfigError: `n` is less than 1.
        DataError: the numbers of rows differ.

    Example:
        >>> copied_share(["so a b c d"], ["x a b c d y"]).tolist()
        [80.0]

    Reference: Grusky et al. 2018, "Newsroom", arXiv 1804.11283.
    """
    _check_n(n)
    _check_rows(predictions, documents)
    shares = np.zeros(len(predictions))
    for row, (text, document) in enumerate(zip(predictions, documents, strict=True)):
        own = split_words(text, words, stem=False)
        if not own:
            continue
        known = set(_ngrams(split_words(document, words, stem=False), n))
        copied = np.zeros(len(own), dtype=bool)
        for start, item in enumerate(_ngrams(own, n)):
            if item in known:
                copied[start : start + n] = True
        shares[row] = 100.0 * copied.mean()
    return shares


def longest_copied(
    predictions: Sequence[str],
    documents: Sequence[str],
    words: WordKind = "english",
) -> np.ndarray:
    """Return the share of a prediction that is its longest run from the document.

    Args:
        predictions: texts.
        documents: the source of each, as many.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        float64 array, one number in 0-100 per text; 0 for a text without words.

    Raises:
        DataError: the numbers of rows differ.

    Example:
        >>> longest_copied(["a b x c d e"], ["a b c d e"]).tolist()
        [50.0]
    """
    _check_rows(predictions, documents)
    shares = np.zeros(len(predictions))
    for row, (text, document) in enumerate(zip(predictions, documents, strict=True)):
        own = split_words(text, words, stem=False)
        source = split_words(document, words, stem=False)
        # A run of n words holds one of n - 1, so the longest is found by bisection.
        low, high = 0, min(len(own), len(source))
        while low < high:
            middle = (low + high + 1) // 2
            if set(_ngrams(own, middle)).isdisjoint(_ngrams(source, middle)):
                high = middle - 1
            else:
                low = middle
        shares[row] = 100.0 * low / len(own) if own else 0.0
    return shares
