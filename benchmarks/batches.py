"""The batches of the supervised duels: by length as nutgraf makes them, and at random.

A plan is a list of batches that stand for a whole epoch: "rows" (number, source length,
target length), the sizes "source", "target" and "count" to pad to, and "weight", how
many batches of the epoch each one stands for.
"""

from __future__ import annotations

import numpy as np
from workload import pair_lengths

from nutgraf.data.batches import choose_shapes, epoch_batches

ROWS = 4096
"""Rows of the epoch."""
SOURCE, TARGET = 512, 96
PER_BATCH = 32 * (128 + 40)
"""Positions of a batch by length, and of the one of fixed shape."""


class Lengths:
    """What `epoch_batches` reads of a token cache."""

    def __init__(self, rows: int) -> None:
        self.source_lengths, self.target_lengths = pair_lengths(rows)
        self.row_numbers = np.arange(rows)

    def __len__(self) -> int:
        return len(self.row_numbers)


def _rows(lengths: Lengths, indices: np.ndarray) -> list[list[int]]:
    return [
        [int(i), int(lengths.source_lengths[i]), int(lengths.target_lengths[i])]
        for i in indices
    ]


def by_length(rows: int = ROWS) -> list[dict]:
    """Return three batches per shape, weighed by the number of its kind.

    Args:
        rows: of the epoch.

    Returns:
        A plan.
    """
    cache = Lengths(rows)
    sizes = (SOURCE, TARGET, PER_BATCH)
    shapes = choose_shapes(cache.source_lengths, cache.target_lengths, *sizes)
    plans = epoch_batches(cache, shapes, 0, 0)
    chosen = []
    for shape in shapes:
        same = [plan for plan in plans if plan.shape == shape]
        if not same:
            continue
        held = [cache.source_lengths[plan.indices].sum() for plan in same]
        order = np.argsort(held)  # one of the small, of the middle, of the large
        for share in (1 / 6, 3 / 6, 5 / 6):
            plan = same[order[int(share * len(order))]]
            chosen.append(
                {
                    "rows": _rows(cache, plan.indices),
                    "source": shape.source,
                    "target": shape.target,
                    "count": shape.rows,
                    "weight": len(same) / 3,
                }
            )
    return chosen


def at_random(batches: int, size: int = 16, rows: int = ROWS) -> list[dict]:
    """Return batches of rows as they come, padded to their longest.

    Args:
        batches: number of them.
        size: rows of each.
        rows: of the epoch.

    Returns:
        A plan.
    """
    cache = Lengths(rows)
    order = np.random.default_rng(0).permutation(rows)[: batches * size]
    return [
        {"rows": _rows(cache, part), "weight": 1}
        for part in order.reshape(batches, size)
    ]


def fixed(count: int = 32, source: int = 128, target: int = 40) -> list[dict]:
    """Return one batch without padding."""
    rows = [[number, source, target] for number in range(count)]
    sizes = {"source": source, "target": target, "count": count}
    return [{"rows": rows, "weight": 1, **sizes}]
