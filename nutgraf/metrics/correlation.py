"""How far two scores put the same things in the same order: Kendall and Spearman.

Both see the order only, not the distance, so a reward and a human scale need not be
of one kind. Many small lists are compared at once: the last axis is the list. What is
missing in one of the two (NaN) is left out of both.

Reference: Kendall 1945, "The Treatment of Ties in Ranking Problems", Biometrika 33;
Spearman 1904, "The Proof and Measurement of Association between Two Things".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nutgraf.errors import DataError

__all__ = ["kendall", "spearman"]


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, NaN where either is NaN."""
    left, right = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if left.shape != right.shape or not left.ndim:
        raise DataError(
            "x and y must have the same shape (..., n). Received: "
            f"{left.shape} and {right.shape}. Give one number of each per thing."
        )
    missing = np.isnan(left) | np.isnan(right)
    return np.where(missing, np.nan, left), np.where(missing, np.nan, right)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below, NaN where there is nothing to divide by."""
    nothing = np.full(np.shape(above), np.nan)
    return np.divide(above, below, out=nothing, where=np.asarray(below) > 0)


def kendall(x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Return Kendall's tau-b of each list.

    Of all pairs of things: those in the same order in both minus those in opposite
    order, over the geometric mean of the pairs that differ in x and that differ in y.

    Args:
        x: (..., n) numbers; NaN counts as missing.
        y: the same shape.

    Returns:
        float64 (...), in [-1, 1]; NaN where it is undefined: all values of a side
        are equal, or fewer than two things are left.

    Raises:
        DataError: the shapes differ.

    Example:
        >>> # pairs: 4 in the same order, 1 opposite, 1 tied in y: 3 / sqrt(6 * 5)
        >>> float(kendall([1, 2, 3, 4], [1, 3, 2, 3]).round(4))
        0.5477

    Reference: Kendall 1945, the statistic that corrects for ties on both sides.
    """
    left, right = _pair(x, y)
    first, second = np.triu_indices(left.shape[-1], 1)

    def order(side: np.ndarray) -> np.ndarray:
        a, b = side[..., first], side[..., second]
        return np.subtract(a < b, a > b, dtype=np.int8)  # NaN: neither, so 0

    of_x, of_y = order(left), order(right)
    agree = (of_x * of_y).sum(axis=-1, dtype=np.float64)
    differ = [(side != 0).sum(axis=-1, dtype=np.float64) for side in (of_x, of_y)]
    return _ratio(agree, np.sqrt(differ[0] * differ[1]))


def _centred_ranks(side: np.ndarray) -> np.ndarray:
    """Return ranks, equal values sharing their mean rank, minus the mean of all."""
    smaller = (side[..., None, :] < side[..., :, None]).sum(axis=-1)
    equal = (side[..., None, :] == side[..., :, None]).sum(axis=-1)
    count = (~np.isnan(side)).sum(axis=-1, keepdims=True)
    ranks = smaller + (equal + 1) / 2 - (count + 1) / 2
    return np.where(np.isnan(side), 0.0, ranks)


def spearman(x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Return Spearman's rho of each list: Pearson's correlation of the ranks.

    Args:
        x: (..., n) numbers; NaN counts as missing.
        y: the same shape.

    Returns:
        float64 (...), in [-1, 1]; NaN where it is undefined: all values of a side
        are equal, or fewer than two things are left.

    Raises:
        DataError: the shapes differ.

    Example:
        >>> float(spearman([1, 2, 3, 4], [1, 3, 2, 4]))
        0.8

    Reference: Spearman 1904.
    """
    ranks_x, ranks_y = map(_centred_ranks, _pair(x, y))
    together = (ranks_x * ranks_y).sum(axis=-1)
    spread = (ranks_x**2).sum(axis=-1) * (ranks_y**2).sum(axis=-1)
    return _ratio(together, np.sqrt(spread))
