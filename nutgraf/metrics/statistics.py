"""Numbers of rows that add up, and the score that their sum has.

The mean of a metric, a ratio of sums, and a corpus score such as BLEU's are the same
thing here: k numbers per row, and a function of their sums. So a score, its interval
and a paired test come from one pass over the texts, for every metric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Statistics", "mean_of", "ratio_of"]


class Statistics(NamedTuple):
    """What a metric has counted.

    Attributes:
        rows: (n, k) float64, k numbers per row.
        score: sums of rows, (..., k), to scores, (...).

    Example:
        >>> found = ratio_of([2, 1], [4, 2])
        >>> found.total, found.values.tolist()
        (0.5, [0.5, 0.5])
    """

    rows: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]

    @property
    def total(self) -> float:
        """The score of all rows together."""
        return float(self.score(self.rows.sum(axis=0)))

    @property
    def values(self) -> np.ndarray:
        """(n,) float64, the score of each row on its own."""
        return np.asarray(self.score(self.rows), np.float64)


def _ratio(sums: np.ndarray) -> np.ndarray:
    """The first number over the second; a second one of 0 counts as 1."""
    below = sums[..., 1]
    return np.asarray(sums[..., 0] / np.where(below > 0, below, 1.0))


def ratio_of(above: ArrayLike, below: ArrayLike) -> Statistics:
    """Count a ratio of sums.

    Args:
        above: (n,) numbers.
        below: (n,) numbers >= 0.

    Returns:
        Statistics whose score is all of `above` over all of `below`; over 1 where
        there is nothing below.
    """
    pair = np.asarray(above, np.float64), np.asarray(below, np.float64)
    return Statistics(np.stack(pair, axis=-1), _ratio)


def mean_of(values: ArrayLike) -> Statistics:
    """Count a mean.

    Args:
        values: (n,) numbers, one score per row.

    Returns:
        Statistics whose score is the mean of the rows.

    Example:
        >>> mean_of([1.0, 3.0]).total
        2.0
    """
    array = np.asarray(values, np.float64)
    return ratio_of(array, np.ones_like(array))
