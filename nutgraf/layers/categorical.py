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

__all__ = ["categorical", "draw_logits", "first_above"]

Array = Any

BLOCK = 64


def first_above(weights: Array, threshold: Array) -> tuple[Array, Array]:
    """Find where the cumulative weight passes a threshold.

    Args:
        weights: (R, N) float32 >= 0.
        threshold: (R,) float32, less than the sum.

    Returns:
        (R,) int32, the first index whose cumulative weight exceeds the threshold, and
        (R,) what is left of the threshold there. An index without weight is never
        returned as long as any has some: rounding falls back to the last that has.
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


def categorical(logits: Array, uniforms: Array) -> tuple[Array, Array]:
    """Draw an action from each row.

    Args:
        logits: (R, V) float32; log-probs up to a constant.
        uniforms: (R,) float32 in (0, 1).

    Returns:
        (R,) int32, never an action of probability 0; and (R,) float32, the logarithm
        of the summed exponentials, which turns logits into log-probs.
    """
    rows, size = logits.shape
    blocks = -(-size // BLOCK)
    highest = ops.max(logits, axis=-1)
    weights = ops.exp(logits - highest[:, None])
    weights = ops.pad(weights, [(0, 0), (0, blocks * BLOCK - size)])
    weights = ops.reshape(weights, (rows, blocks, BLOCK))
    sums = ops.sum(weights, axis=-1)  # (R, blocks)
    total = ops.sum(sums, axis=-1)
    block, rest = first_above(sums, uniforms * total)
    inside = ops.take_along_axis(weights, block[:, None, None], axis=1)[:, 0]
    index, _ = first_above(inside, rest)
    return ops.cast(block * BLOCK + index, "int32"), highest + ops.log(total)


def draw_logits(logits: Array, uniforms: Array) -> tuple[Array, Array]:
    """Draw an action from each row, with its log-prob.

    Args:
        logits: (R, V) float32; log-probs up to a constant.
        uniforms: (R,) float32 in (0, 1).

    Returns:
        (R,) int32 actions and their (R,) float32 log-probs, nats.
    """
    actions, normaliser = categorical(logits, uniforms)
    chosen = ops.take_along_axis(logits, actions[:, None], axis=-1)[:, 0]
    return actions, chosen - normaliser
