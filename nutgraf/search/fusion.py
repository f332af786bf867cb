"""Several rankings made one: reciprocal rank fusion.

A document gets 1 / (k + rank) from each ranking that has it. Only ranks count, so the
scores of BM25 and cosines need not be made comparable.

Reference: Cormack, Clarke and Büttcher 2009, "Reciprocal Rank Fusion outperforms
Condorcet and individual Rank Learning Methods", SIGIR; k = 60 is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nutgraf.errors import ConfigError

__all__ = ["fuse"]


def fuse(
    rankings: Sequence[np.ndarray], top: int, k: float = 60.0
) -> tuple[np.ndarray, np.ndarray]:
    """Fuse rankings.

    Args:
        rankings: arrays of document numbers, best first, each number once.
        top: most documents wanted.
        k: >= 0; the higher, the less the first ranks count.

    Returns:
        Numbers (n,) int64 and scores (n,) float64, best first; of equal ones the
        lowest number first.

    Raises:
        ConfigError: `k` is negative.

    Example:
        >>> numbers, scores = fuse([np.array([7, 3]), np.array([3])], 2)
        >>> numbers.tolist(), scores.round(4).tolist()
        ([3, 7], [0.0325, 0.0164])
    """
    if k < 0:
        raise ConfigError(f"k must be >= 0. Received: k={k}. 60 is usual.")
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking.tolist(), 1):
            scores[number] = scores.get(number, 0.0) + 1.0 / (k + rank)
    order = sorted(scores, key=lambda number: (-scores[number], number))[:top]
    return np.array(order, np.int64), np.array([scores[n] for n in order], np.float64)
