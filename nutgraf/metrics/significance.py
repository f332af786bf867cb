"""How sure a score or a difference of scores is, from the numbers of the rows.

Rows are drawn again with replacement for intervals (bootstrap); for a test the rows of
both systems are swapped at random, which is what "both systems are the same" would
allow: for a mean, that flips the signs of the differences. A score of a corpus (BLEU)
is computed anew for each draw, from its counts. Neither needs an assumption about how
scores are distributed.

Reference: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13
and 16; Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero"; Koehn 2004,
W04-3250 (bootstrap of BLEU); Riezler and Maxwell 2005, W05-0908 (swapping of rows).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.statistics import Statistics, mean_of

__all__ = ["Interval", "PairedTest", "bootstrap_interval", "paired_test"]

_DRAWN = 1 << 18
"""Rows drawn at once: 2 MiB for each of the arrays that it takes."""
_FLIPPED = 1 << 20
"""Rows flipped at once: 8 MiB."""


class Interval(NamedTuple):
    """A score and the interval around it, in the unit of the values."""

    mean: float
    low: float
    high: float


class PairedTest(NamedTuple):
    """Score of a - that of b, its 95 % interval, and the two-sided p in (0, 1]."""

    difference: float
    low: float
    high: float
    p_value: float


def _checked(values: ArrayLike | Statistics, name: str) -> Statistics:
    """Return what is given as statistics of n >= 1 rows, all numbers finite."""
    if isinstance(values, Statistics):
        array = values.rows
        wrong = array.ndim != 2
    else:
        array = np.asarray(values, dtype=np.float64)
        wrong = array.ndim != 1
    if wrong or not array.size or not np.isfinite(array).all():
        problem = "a value is not finite" if array.size else "no value"
        raise DataError(
            f"{name} must be one finite number per row, at least one row. Received: "
            f"shape {array.shape}, {'not (n,)' if wrong else problem}. "
            "Score the rows first and drop those that cannot be scored."
        )
    return values if isinstance(values, Statistics) else mean_of(array)


def _parts(resamples: int, n: int, at_once: int) -> Iterator[int]:
    """Cut the resamples into pieces of bounded memory."""
    if resamples < 1:
        raise ConfigError(
            f"resamples must be at least 1. Received: {resamples}. Use 1000 or more."
        )
    most = max(1, at_once // n)
    for start in range(0, resamples, most):
        yield min(most, resamples - start)


def _drawn(n: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of n rows is drawn, (part, n) float64, in pieces."""
    random = np.random.default_rng(seed)
    for part in _parts(resamples, n, _DRAWN):
        draws = random.integers(0, n, (part, n))
        draws += n * np.arange(part)[:, None]
        counts = np.bincount(draws.ravel(), minlength=part * n)
        yield counts.reshape(part, n).astype(np.float64)


def bootstrap_interval(
    values: ArrayLike | Statistics,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return a score and its percentile bootstrap interval.

    Args:
        values: (n,) finite numbers, one per row, any unit, whose mean is the score; or
            the statistics of any score.
        level: share of the resampled scores inside the interval, in (0, 1).
        resamples: how often the rows are drawn again, at least 1.
        seed: of the random draws; the same seed gives the same interval.

    Returns:
        Score, low and high end, in the unit of the values.

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
    found = _checked(values, "values")
    scores = np.concatenate(
        [
            found.score(counts @ found.rows)
            for counts in _drawn(len(found.rows), resamples, seed)
        ]
    )
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return Interval(found.total, float(low), float(high))


def paired_test(
    a: ArrayLike | Statistics,
    b: ArrayLike | Statistics,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedTest:
    """Test whether two systems differ in their score on the same rows.

    The p-value is the share of random swaps of rows after which the scores are at least
    as far apart as those observed, the observed ones counted in:
    p = (1 + count) / (1 + resamples).

    Args:
        a: (n,) finite scores of one system, whose mean is compared, or its statistics.
        b: the same of the other one on the same rows, in the same order.
        resamples: number of random swaps, at least 1; also of the bootstrap.
        seed: of the random draws; the same seed gives the same result.

    Returns:
        Score of a - score of b, its 95 % bootstrap interval, the two-sided p-value.

    Raises:
        ConfigError: `resamples` is out of range.
        DataError: the lengths differ, there are no rows, or a value is not finite.

    Example:
        >>> paired_test([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).p_value
        1.0

    Reference: Phipson and Smyth 2010, arXiv 1603.05766; Riezler and Maxwell 2005.
    """
    left, right = _checked(a, "a"), _checked(b, "b")
    n, others = len(left.rows), len(right.rows)
    if n != others:
        raise DataError(
            "Both systems must be scored on the same rows. Received: "
            f"{n} and {others} rows. Evaluate them on the same file."
        )
    score = left.score
    drawn = np.concatenate(
        [
            score(counts @ left.rows) - score(counts @ right.rows)
            for counts in _drawn(n, resamples, seed)
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975])
    # A swap of rows moves half of what they differ in from one system to the other.
    centre = (left.rows + right.rows).sum(axis=0) / 2
    half = (left.rows - right.rows) / 2
    difference = left.total - right.total
    # Equal scores may differ in their last bits, so ties get a little room.
    least = abs(difference) - 1e-12 * np.abs(left.values - right.values).mean()
    random = np.random.default_rng([seed, 1])
    count = 0
    for part in _parts(resamples, n, _FLIPPED):
        signs = 2.0 * random.integers(0, 2, (part, n), dtype=np.int8) - 1.0
        moved = signs @ half
        apart = np.abs(score(centre + moved) - score(centre - moved))
        count += int(np.count_nonzero(apart >= least))
    return PairedTest(
        difference, float(low), float(high), (1 + count) / (1 + resamples)
    )
