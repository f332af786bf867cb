"""What a ranker knows of the search that found its candidates: words and meaning.

a · BM25 / best BM25 + b · cosine, with learned a and b: where a new ranker starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.search.searcher import Candidates

__all__ = ["START", "first_stage_arrays", "first_stage_scores", "padded"]

Array = Any

START = np.full(2, 5.0, "float32")
"""Weights of words and of meaning at the start: softmax of the scores is then neither
flat nor a choice of one."""


def padded(rows: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Put arrays of different lengths into one.

    Args:
        rows: P arrays (n, ...), n <= width.
        width: C.

    Returns:
        (P, C, ...) of the first one's dtype, zeros behind each.

    Example:
        >>> padded([np.ones(1), np.ones(2)], 3).tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    """
    first = np.asarray(rows[0])
    found = np.zeros((len(rows), width, *first.shape[1:]), first.dtype)
    for own, row in zip(found, rows, strict=True):
        own[: len(row)] = row
    return found


def first_stage_arrays(rows: Sequence[Candidates], width: int) -> dict[str, np.ndarray]:
    """Return what the search said of candidates.

    Args:
        rows: P queries with at most `width` candidates each, at least one.
        width: C.

    Returns:
        "mask" (P, C) bool, "bm25" and "dense" (P, C) float32, BM25 as a share of the
        best one's.
    """
    words = [row.bm25 / max(float(row.bm25.max()), 1e-9) for row in rows]
    return {
        "mask": padded([np.ones(len(row.numbers), bool) for row in rows], width),
        "bm25": padded([np.asarray(one, np.float32) for one in words], width),
        "dense": padded([np.asarray(row.dense, np.float32) for row in rows], width),
    }


def first_stage_scores(weights: Array, arrays: dict[str, Array]) -> Array:
    """Return the weighted sum of words and meaning.

    Args:
        weights: (2,) float32, a and b.
        arrays: of `first_stage_arrays`.

    Returns:
        (P, C) float32.
    """
    return weights[0] * arrays["bm25"] + weights[1] * arrays["dense"]
