"""Losses that a prompt has as a whole, in the trainer's form of one loss per token.

Minimum risk and preferences compare the texts of a prompt; their loss belongs to no
single token. Given to each of the prompt's tokens and averaged over them, it is the
same loss with the same gradient, what the trainer adds to a token (KL, entropy) has its
weight per token, and micro-batches and logs work as for all others.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.reduce import sequence_sum_count

__all__ = ["for_each_token", "prompt_sum_count"]

Array = Any


def for_each_token(losses: Array, mask: Array) -> Array:
    """Give each prompt's loss to its tokens.

    Args:
        losses: (P,) float32.
        mask: (P, G, T) bool, True = this token counts.

    Returns:
        (P, G, T) float32; the counting tokens of a prompt have its loss, others 0.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[[True, True], [True, False]]])
        >>> for_each_token(np.float32([6.0]), mask).__array__().tolist()
        [[[6.0, 6.0], [6.0, 0.0]]]
    """
    losses = ops.convert_to_tensor(losses)
    return ops.where(mask, losses[:, None, None], 0.0)


def prompt_sum_count(values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the sum of the prompts' means over their tokens, and the prompts' number.

    A prompt in which no token counts is not there.

    Args:
        values: (P, G, T) float32.
        mask: (P, G, T) bool, True = this token counts.

    Returns:
        (sum, count), float32 scalars.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[[True, True], [True, False]]])
        >>> values = np.float32([[[2, 2], [5, 9]]])
        >>> [float(part) for part in prompt_sum_count(values, mask)]
        [3.0, 1.0]
    """
    shape = ops.shape(values)
    flat = (shape[0], shape[1] * shape[2])
    return sequence_sum_count(ops.reshape(values, flat), ops.reshape(mask, flat))
