"""The log-prob of a whole text, from those of its tokens."""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.log_ratio import finite_log_probs
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["sequence_log_prob"]

Array = Any


def sequence_log_prob(log_probs: Array, mask: Array, *, average: bool = False) -> Array:
    """Return the log-prob of each text: the sum over its counting tokens.

    Args:
        log_probs: (..., T) float32 nats, of each token.
        mask: (..., T) bool, True = this token counts.
        average: divide by the number of tokens, so that length has no say.

    Returns:
        (...) float32 nats, of the text or per token; 0 where no token counts.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> log_probs, mask = np.float32([-1, -3, 9]), np.array([True, True, False])
        >>> float(sequence_log_prob(log_probs, mask))
        -4.0
        >>> float(sequence_log_prob(log_probs, mask, average=True))
        -2.0
    """
    check_same_shape(log_probs=log_probs, mask=mask)
    mask = ops.cast(mask, "bool")
    kept = ops.where(mask, finite_log_probs(log_probs), 0.0)
    total = ops.sum(kept, axis=-1)
    if not average:
        return total
    return total / ops.maximum(ops.sum(ops.cast(mask, total.dtype), axis=-1), 1.0)
