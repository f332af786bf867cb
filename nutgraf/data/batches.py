"""Batches by length in a few fixed shapes.

Every batch has one of a few (source length, target length, rows) shapes, so nothing is
compiled again; rows of similar length share a batch, so little is padding. The order is
a pure function of (data, shapes, seed, epoch): a run can go on at any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nutgraf.arrays import BOS, PAD, Batch
from nutgraf.data.cache import TokenCache
from nutgraf.errors import ConfigError, DataError

__all__ = ["BatchPlan", "BatchShape", "choose_shapes", "epoch_batches", "fit_arrays"]
__all__ += ["materialise", "padding_share"]

STEP = 8
"""Lengths of shapes are multiples of this, or the limit."""
POOL = 64
"""Batches' worth of rows that are shuffled together, then sorted by length."""


class BatchShape(NamedTuple):
    """Fixed sizes of a batch.

    Attributes:
        source: S, source tokens of a row.
        target: T, actions of a row.
        rows: B, rows of the batch.
    """

    source: int
    target: int
    rows: int


class BatchPlan(NamedTuple):
    """Which rows make a batch, at most `shape.rows` of them.

    Attributes:
        shape: its shape.
        indices: (n,) int64 rows of the cache.
    """

    shape: BatchShape
    indices: np.ndarray


def choose_shapes(
    source_lengths: np.ndarray,
    target_lengths: np.ndarray,
    max_source: int,
    max_target: int,
    tokens_per_batch: int,
    num_shapes: int = 4,
) -> tuple[BatchShape, ...]:
    """Choose a grid of shapes, in either direction those with the least padding.

    Args:
        source_lengths: (N,) tokens of each source.
        target_lengths: (N,) actions of each target.
        max_source: longest source kept.
        max_target: longest target kept.
        tokens_per_batch: source and target tokens of a batch, padding counted.
        num_shapes: at most so many shapes.

    Returns:
        Shapes that rise in source, then target length; the last holds every row.

    Raises:
        ConfigError: a row of the longest shape does not fit into a batch.
        DataError: there is no row.

    Example:
        >>> shapes = choose_shapes(np.array([10, 40]), np.array([5, 9]), 64, 16, 160, 2)
        >>> [tuple(shape) for shape in shapes]
        [(40, 8, 3), (40, 16, 2)]
    """
    if tokens_per_batch < max_source + max_target:
        raise ConfigError(
            "tokens_per_batch must hold at least one longest row "
            f"({max_source} + {max_target}). Received: {tokens_per_batch}. Raise it, "
            "or cut rows sooner."
        )
    if not len(source_lengths):
        raise DataError(
            "Batches are made of one or more rows. Received: none. Check that the "
            "data source yields rows for this split."
        )
    sources = _edges(source_lengths, max_source, max(1, num_shapes // 2))
    targets = _edges(target_lengths, max_target, 2 if num_shapes > 1 else 1)
    return tuple(
        BatchShape(source, target, max(1, tokens_per_batch // (source + target)))
        for source in sources
        for target in targets
    )


def _edges(lengths: np.ndarray, longest: int, count: int) -> list[int]:
    """Lengths, multiples of `STEP`, that waste least; the last holds all.

    Each row is filled up to the next of at most `count` lengths.
    """
    kept = np.sort(np.minimum(np.asarray(lengths), longest))
    marks = np.minimum(np.unique(-(-kept // STEP) * STEP), longest)
    fit = np.searchsorted(kept, marks, side="right")  # rows not longer than each mark
    # cost[i, j] of filling up to mark j what is longer than mark i; -1 is no mark
    cost = marks[None] * (fit[None] - np.concatenate([[0], fit])[:, None]).astype(float)
    cost[np.tril_indices(len(marks), -1, len(marks))] = np.inf
    least, chosen = cost[0], [[int(mark)] for mark in marks]
    for _ in range(count - 1):
        table = least[:, None] + cost[1:]
        best = table.argmin(axis=0)
        better = table.min(axis=0) < least
        chosen = [
            [*chosen[best[j]], int(marks[j])] if better[j] else chosen[j]
            for j in range(len(marks))
        ]
        least = np.minimum(least, table.min(axis=0))
    return chosen[-1]


def _places(shapes: Sequence[BatchShape], cache: TokenCache) -> np.ndarray:
    """Number of the smallest shape that holds each row."""
    sources = np.minimum(cache.source_lengths, max(shape.source for shape in shapes))
    targets = np.minimum(cache.target_lengths, max(shape.target for shape in shapes))
    places = np.full(len(cache), -1)
    for number, shape in enumerate(shapes):  # rising in source, then target
        fits = (sources <= shape.source) & (targets <= shape.target) & (places < 0)
        places[fits] = number
    return places


def epoch_batches(
    cache: TokenCache, shapes: Sequence[BatchShape], seed: int, epoch: int
) -> list[BatchPlan]:
    """Return the batches of one pass over the rows, in order.

    Args:
        cache: the rows.
        shapes: of `choose_shapes`.
        seed: run seed.
        epoch: number of the pass.

    Returns:
        Every row once; the last batch of a shape may hold fewer rows.
    """
    random = np.random.Generator(np.random.Philox([seed, epoch, 0xBA7C4]))
    places = _places(shapes, cache)
    plans = []
    for number, shape in enumerate(shapes):
        rows = random.permutation(np.flatnonzero(places == number))
        for start in range(0, len(rows), POOL * shape.rows):
            pool = rows[start : start + POOL * shape.rows]
            pool = pool[np.argsort(cache.source_lengths[pool], kind="stable")]
            plans += [
                BatchPlan(shape, pool[first : first + shape.rows])
                for first in range(0, len(pool), shape.rows)
            ]
    return [plans[index] for index in random.permutation(len(plans))]


def materialise(
    cache: TokenCache,
    plan: BatchPlan,
    change: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> Batch:
    """Read the rows of a plan; missing rows are empty and masked.

    Args:
        cache: the rows.
        plan: of `epoch_batches`.
        change: `(source ids, row number) -> source ids`, such as an `Augmenter`.

    Returns:
        A batch of exactly the plan's shape.
    """
    shape = plan.shape
    source = np.full((shape.rows, shape.source), PAD, np.int32)
    target = np.full((shape.rows, shape.target), PAD, np.int32)
    source_mask = np.zeros(source.shape, bool)
    target_mask = np.zeros(target.shape, bool)
    numbers = np.zeros(shape.rows, np.int32)
    for row, index in enumerate(plan.indices):
        ids, number = cache.source(index), cache.row_numbers[index]
        ids = (ids if change is None else change(ids, number))[: shape.source]
        source[row, : len(ids)] = ids
        source_mask[row, : len(ids)] = True
        ids = cache.target(index)[: shape.target]
        target[row, : len(ids)] = ids
        target_mask[row, : len(ids)] = True
        numbers[row] = number
    return Batch(numbers, source, source_mask, target, target_mask)


def padding_share(cache: TokenCache, plans: Sequence[BatchPlan]) -> float:
    """Return the share of batch positions that hold no token, in [0, 1].

    Args:
        cache: the rows.
        plans: of `epoch_batches`.

    Returns:
        The share.
    """
    held = sum(
        int(np.minimum(cache.source_lengths[plan.indices], plan.shape.source).sum())
        + int(np.minimum(cache.target_lengths[plan.indices], plan.shape.target).sum())
        for plan in plans
    )
    room = sum(
        plan.shape.rows * (plan.shape.source + plan.shape.target) for plan in plans
    )
    return 1.0 - held / max(room, 1)


def fit_arrays(batch: Batch) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return a batch in the form that `keras.Model.fit` takes.

    Args:
        batch: rows as arrays.

    Returns:
        Inputs `source_ids` (B, S) and `target_ids` (B, T), what the decoder reads:
        `<bos>`, then the target without its last action; labels (B, T) int32; weights
        (B, T) float32, 0 on padding.

    Example:
        >>> ids, mask = np.int32([[5, 2, 0]]), np.array([[True, True, False]])
        >>> inputs, labels, weights = fit_arrays(Batch(None, ids, mask, ids, mask))
        >>> inputs["target_ids"].tolist(), weights.tolist()
        ([[1, 5, 2]], [[1.0, 1.0, 0.0]])
    """
    first = np.full_like(batch.target_ids[:, :1], BOS)
    before = np.concatenate([first, batch.target_ids[:, :-1]], axis=1)
    inputs = {"source_ids": batch.source_ids, "target_ids": before}
    return inputs, batch.target_ids, batch.target_mask.astype("float32")
