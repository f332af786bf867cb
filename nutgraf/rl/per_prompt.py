"""Losses that a prompt has as a whole, in the trainer's form of one loss per token.

Minimum risk and preferences compare the texts of a prompt; their loss belongs to no
single token. Spread evenly over the prompt's tokens and summed again, it is the same
loss with the same gradient, and micro-batches, KL and logs work as for all others.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.reduce import sequence_sum_sum_count

__all__ = ["prompt_sum_count", "spread"]

Array = Any


def spread(losses: Array, mask: Array) -> Array:
    """Share each prompt's loss among its tokens.

    Args:
        losses: (P,) float32.
        mask: (P, G, T) bool, True = this token counts.

    Returns:
        (P, G, T) float32; the counting tokens of a prompt sum to its loss.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[[True, True], [True, False]]])
        >>> spread(np.float32([6.0]), mask).__array__().tolist()
        [[[2.0, 2.0], [2.0, 0.0]]]
    """
    counts = ops.cast(mask, "float32")
    tokens = ops.sum(counts, axis=(1, 2))
    share = ops.divide(losses, ops.maximum(tokens, 1.0))
    return share[:, None, None] * counts


def prompt_sum_count(values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the sum over all counting tokens, and the number of prompts.

    A prompt in which no token counts is not there.

    Args:
        values: (P, G, T) float32.
        mask: (P, G, T) bool, True = this token counts.

    Returns:
        (sum, count), float32 scalars.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[[True, True], [True, False]]])
        >>> values = np.float32([[[2, 2], [2, 9]]])
        >>> [float(part) for part in prompt_sum_count(values, mask)]
        [6.0, 1.0]
    """
    shape = ops.shape(values)
    flat = (shape[0], shape[1] * shape[2])
    return sequence_sum_sum_count(ops.reshape(values, flat), ops.reshape(mask, flat))
