"""Losses of learning from references, from log-probs of the target tokens alone.

Label smoothing needs the mean over the vocabulary, not the vocabulary: a model that
computes log-probs in chunks hands over two numbers per token and never holds an array
(..., T, V).
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.reduce import mean_of
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["perplexity", "smoothed_cross_entropy"]

Array = Any

# exp(50) is 5e21: float32 would overflow at 88, and no model is that bad.
_LARGEST = 50.0


def smoothed_cross_entropy(
    target_log_probs: Array, mean_log_probs: Array, smoothing: float
) -> Array:
    """Return the label-smoothed cross-entropy of each token, to be minimised.

    The reference gets the probability 1 - smoothing, and the rest is spread evenly
    over the whole vocabulary, the reference included:
    -(1 - smoothing) * target - smoothing * mean. With smoothing = 0 it is the
    negative log-likelihood.

    Args:
        target_log_probs: (..., T) float32 nats, of each reference token.
        mean_log_probs: (..., T) float32 nats, mean over the vocabulary of the
            log-probs at that place; finite, so no action may be forbidden.
        smoothing: in [0, 1).

    Returns:
        (..., T) float32 nats; padding is not masked here, see `reduce.py`.

    Raises:
        ConfigError: `smoothing` is outside [0, 1).
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> float(smoothed_cross_entropy(np.float32([-1]), np.float32([-3]), 0.25)[0])
        1.5

    Reference: Szegedy et al. 2016, "Rethinking the Inception Architecture", section
    7, arXiv 1512.00567.
    """
    check_same_shape(target_log_probs=target_log_probs, mean_log_probs=mean_log_probs)
    if not 0.0 <= smoothing < 1.0:
        raise ConfigError(
            f"smoothing must be in [0, 1). Received: smoothing={smoothing}. 0.1 is "
            "usual, 0 turns it off."
        )
    target = ops.cast(target_log_probs, "float32")
    mean = ops.cast(mean_log_probs, "float32")
    return -(1.0 - smoothing) * target - smoothing * mean


def perplexity(total: Array, count: Array) -> Array:
    """Return exp of the mean negative log-likelihood per token.

    Args:
        total: float32 nats, summed negative log-likelihood, without smoothing.
        count: float32, number of tokens.

    Returns:
        float32 >= 1 for likelihoods; 1 when there are no tokens; at most exp(50).

    Example:
        >>> import numpy as np
        >>> round(float(perplexity(np.log(np.float32(1000)), np.float32(3))), 3)
        10.0
    """
    return ops.exp(ops.minimum(mean_of(total, count), _LARGEST))
