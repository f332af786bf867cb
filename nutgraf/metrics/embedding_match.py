"""BERTScore: how well the tokens of two texts match by their vectors in context.

Each token is matched with the nearest one of the other text; precision is the mean over
the tokens of the candidate, recall that over the reference. No weights by rarity (idf).

Reference: Zhang et al. 2020, "BERTScore: Evaluating Text Generation with BERT", eq. 1
to 3, arXiv 1904.09675.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Match", "TokenVectors", "greedy_match"]


class TokenVectors(NamedTuple):
    """The tokens of a text in a space of meanings.

    Attributes:
        vectors: (n, D) float32, each of length 1.
        counts: (n,) bool, False for `[CLS]` and `[SEP]`: other tokens may match them,
            they themselves need no match.
    """

    vectors: np.ndarray
    counts: np.ndarray


class Match(NamedTuple):
    """How well two texts match; each number in [-1, 1], 1 for the same text.

    Attributes:
        precision: mean over the tokens of the candidate.
        recall: mean over the tokens of the reference.
        f1: their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


def greedy_match(candidate: TokenVectors, reference: TokenVectors) -> Match:
    """Match each token with the nearest one of the other text.

    Args:
        candidate: the text that is judged.
        reference: the text that it is judged by.

    Returns:
        Precision, recall and F1; zeros when a text has no token.

    Example:
        >>> two = TokenVectors(np.float32([[1, 0], [0, 1]]), np.array([True, True]))
        >>> one = TokenVectors(np.float32([[0.6, 0.8]]), np.array([True]))
        >>> [round(number, 4) for number in greedy_match(two, one)]
        [0.7, 0.8, 0.7467]
    """
    if not candidate.counts.any() or not reference.counts.any():
        return Match(0.0, 0.0, 0.0)
    cosines = candidate.vectors @ reference.vectors.T  # (n, m)
    precision = float(cosines.max(axis=1)[candidate.counts].mean())
    recall = float(cosines.max(axis=0)[reference.counts].mean())
    total = precision + recall
    return Match(precision, recall, 2 * precision * recall / total if total else 0.0)
