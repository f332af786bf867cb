"""One uniform number per row picks an action from a large vocabulary.

Inverse transform sampling in two levels: first the block of actions in which the
cumulative probability passes the uniform number, then the action inside the block. A
Gumbel draw would need a random number for each of V actions, and a plain cumulative sum
V dependent additions; here both levels are small products with a triangular matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

__all__ = ["categorical"]

Array = Any

BLOCK = 64


def _first_above(weights: Array, threshold: Array) -> tuple[Array, Array]:
    """Return the first index whose cumulative weight exceeds the threshold, and rest.

    weights (R, N) >= 0, threshold (R,). An index without weight is never returned as
    long as any weight is left: rounding falls back to the last index that has some.
    """
    size = weights.shape[-1]
    triangle = np.triu(np.ones((size, size), "float32"))
    cumulative = ops.matmul(weights, triangle)  # (R, N), inclusive
    index = ops.sum(ops.cast(cumulative <= threshold[:, None], "int32"), axis=-1)
    numbers = ops.arange(size, dtype="int32")
    last = ops.max(ops.where(weights > 0, numbers[None, :], 0), axis=-1)
    index = ops.minimum(index, last)
    before = ops.where(numbers[None, :] < index[:, None], weights, 0.0)
    return index, threshold - ops.sum(before, axis=-1)


def categorical(log_probs: Array, uniforms: Array) -> Array:
    """Draw an action from each row.

    Args:
        log_probs: (R, V) float32 nats, normalised.
        uniforms: (R,) float32 in (0, 1).

    Returns:
        (R,) int32; an action of probability 0 is never drawn.
    """
    rows, size = log_probs.shape
    blocks = -(-size // BLOCK)
    probs = ops.exp(log_probs)
    probs = ops.pad(probs, [(0, 0), (0, blocks * BLOCK - size)])
    probs = ops.reshape(probs, (rows, blocks, BLOCK))
    sums = ops.sum(probs, axis=-1)  # (R, blocks)
    threshold = uniforms * ops.sum(sums, axis=-1)  # the sum is 1 up to rounding
    block, rest = _first_above(sums, threshold)
    inside = ops.take_along_axis(probs, block[:, None, None], axis=1)[:, 0]
    index, _ = _first_above(inside, rest)
    return block * BLOCK + index
