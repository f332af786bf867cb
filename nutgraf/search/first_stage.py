"""What a ranker knows of the search that found its candidates.

a · BM25 / best BM25 + b · cosine + c · fused ranks + d · feedback

with learned weights: where a new ranker starts. Fused ranks are those of `fusion.py`,
among the candidates. Feedback is the cosine to the mean of the first three candidates:
the search trusts what it found and looks for more of the kind, which finds documents
that say it in other words than the query.

Reference: Rocchio 1971, "Relevance feedback in information retrieval"; Li et al. 2022,
"Pseudo Relevance Feedback with Deep Language Models and Dense Retrievers", section 3.2,
arXiv 2108.11044.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from nutgraf.search.searcher import Candidates

__all__ = ["START", "first_stage_arrays", "first_stage_scores", "padded"]

Array = Any

START = np.array([2.0, 4.0, 4.0, 8.0], "float32")
"""Weights of words, meaning, ranks and feedback at the start: softmax of the scores is
then neither flat nor a choice of one. Chosen on Cranfield (benchmarks/cranfield.py)."""
_FEEDBACK = 3
_RANKS = 60.0


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


def _by_rank(scores: np.ndarray) -> np.ndarray:
    """60 / (60 + rank) of each score, the first rank being 1."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return _RANKS / (_RANKS + ranks)


def _features(row: Candidates) -> np.ndarray:
    """(n, 4): words, meaning, ranks, feedback; without vectors the first and third."""
    words = row.bm25 / max(float(row.bm25.max()), 1e-9)
    ranks, feedback = _by_rank(row.bm25), np.zeros(len(words))
    if row.vectors is not None:
        ranks = ranks + _by_rank(row.dense)
        mean = row.vectors[:_FEEDBACK].mean(axis=0)
        feedback = row.vectors @ mean / max(float(np.linalg.norm(mean)), 1e-9)
    return np.stack([words, row.dense, ranks, feedback], axis=1).astype("float32")


def first_stage_arrays(rows: Sequence[Candidates], width: int) -> dict[str, np.ndarray]:
    """Return what the search said of candidates.

    Args:
        rows: P queries with at most `width` candidates each, at least one, in the order
            of the search.
        width: C.

    Returns:
        "mask" (P, C) bool, "search" (P, C, 4) float32.
    """
    return {
        "mask": padded([np.ones(len(row.numbers), bool) for row in rows], width),
        "search": padded([_features(row) for row in rows], width),
    }


def first_stage_scores(weights: Array, arrays: dict[str, Array]) -> Array:
    """Return the weighted sum.

    Args:
        weights: (4,) float32.
        arrays: of `first_stage_arrays`.

    Returns:
        (P, C) float32.
    """
    return ops.matmul(arrays["search"], weights[:, None])[..., 0]
