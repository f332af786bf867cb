"""How sure a mean or a difference of means is, from the scores of the rows.

Rows are drawn again with replacement for intervals (bootstrap); for a test the signs
of the paired differences are flipped at random, which is what "both systems are the
same" would allow. Both need no assumption about how scores are distributed.

Reference: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13
and 16; Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nutgraf.errors import ConfigError, DataError

__all__ = ["Interval", "PairedTest", "bootstrap_interval", "paired_test"]

_CHUNK = 1 << 20  # numbers drawn at once: 8 MiB


class Interval(NamedTuple):
    """A mean and the interval around it, in the unit of the values."""

    mean: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Mean of a - b with its 95 % interval, and the two-sided p-value in (0, 1]."""

    difference: float
    low: float
    high: float
    p_value: float


def _checked(values: ArrayLike, name: str) -> np.ndarray:
    """Return the values as float64 (n,), n >= 1, all finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        problem = "a value is not finite" if array.size else "no value"
        raise DataError(
            f"{name} must be one finite number per row, at least one row. Received: "
            f"shape {array.shape}, {problem if array.ndim == 1 else 'not (n,)'}. "
            "Score the rows first and drop those that cannot be scored."
        )
    return array


def _parts(resamples: int, n: int) -> Iterator[int]:
    """Cut the resamples into pieces of bounded memory."""
    if resamples < 1:
        raise ConfigError(
            f"resamples must be at least 1. Received: {resamples}. Use 1000 or more."
        )
    most = max(1, _CHUNK // n)
    for start in range(0, resamples, most):
        yield min(most, resamples - start)


def bootstrap_interval(
    values: ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the mean and its percentile bootstrap interval.

    Args:
        values: (n,) finite numbers, one per row, any unit.
        level: share of the resampled means inside the interval, in (0, 1).
        resamples: how often the rows are drawn again, at least 1.
        seed: of the random draws; the same seed gives the same interval.

    Returns:
        Mean, low and high end, in the unit of the values.

    Raises:
        ConfigError: `level` or `resamples` is out of range.
        DataError: there are no values, or one is not finite.

    Example:
        >>> bootstrap_interval([2.0, 2.0, 2.0])
        Interval(mean=2.0, low=2.0, high=2.0)

    Reference: Efron and Tibshirani 1993, chapter 13.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level must be in (0, 1). Received: {level}. Use 0.95.")
    array = _checked(values, "values")
    random = np.random.default_rng(seed)
    n = array.size
    means = np.concatenate(
        [
            array[random.integers(0, n, (part, n))].mean(axis=1)
            for part in _parts(resamples, n)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(array.mean()), float(low), float(high))


def paired_test(
    a: ArrayLike, b: ArrayLike, resamples: int = 10_000, seed: int = 0
) -> PairedTest:
    """Test whether two systems differ in their mean over the same rows.

    The p-value is the share of random sign flips of the differences whose mean is at
    least as far from zero as the one observed, the observed one counted in:
    p = (1 + count) / (1 + resamples).

    Args:
        a: (n,) finite scores of one system.
        b: (n,) finite scores of the other one on the same rows, in the same order.
        resamples: number of random sign flips, at least 1; also of the bootstrap.
        seed: of the random draws; the same seed gives the same result.

    Returns:
        Mean of a - b, its 95 % bootstrap interval and the two-sided p-value.

    Raises:
        ConfigError: `resamples` is out of range.
        DataError: the lengths differ, there are no rows, or a value is not finite.

    Example:
        >>> paired_test([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).p_value
        1.0

    Reference: Phipson and Smyth 2010, arXiv 1603.05766.
    """
    left, right = _checked(a, "a"), _checked(b, "b")
    if left.size != right.size:
        raise DataError(
            "Both systems must be scored on the same rows. Received: "
            f"{left.size} and {right.size} rows. Evaluate them on the same file."
        )
    differences = left - right
    interval = bootstrap_interval(differences, 0.95, resamples, seed)
    random = np.random.default_rng([seed, 1])
    n = differences.size
    # Equal sums may differ in their last bits, so ties get a little room.
    least = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    count = 0
    for part in _parts(resamples, n):
        signs = 2.0 * random.integers(0, 2, (part, n), dtype=np.int8) - 1.0
        count += int(np.count_nonzero(np.abs(signs @ differences) >= least))
    p_value = (1 + count) / (1 + resamples)
    return PairedTest(interval.mean, interval.low, interval.high, p_value)
