"""Weights for samples that another policy drew: an older one, or another engine.

The product weight * loss is averaged instead of the loss. Exact weights
exp(log p - log q) are unbiased and of huge variance; both kinds here give up a little
of the first for much of the second. The distribution that really sampled (behaviour)
is meant, not PPO's `old_log_probs`, which may have been computed anew before the
first update of a rollout.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.log_ratio import log_ratio_clamped
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["masked_importance_weights", "truncated_importance_weights"]

Array = Any


def _weights(log_probs: Array, behaviour_log_probs: Array) -> Array:
    check_same_shape(log_probs=log_probs, behaviour_log_probs=behaviour_log_probs)
    return ops.stop_gradient(ops.exp(log_ratio_clamped(log_probs, behaviour_log_probs)))


def truncated_importance_weights(
    log_probs: Array, behaviour_log_probs: Array, *, limit: float = 2.0
) -> Array:
    """Return min(p / q, limit) of each token: no sample weighs more than `limit`.

    Args:
        log_probs: (..., T) float32 nats, log p, under the policy that learns.
        behaviour_log_probs: (..., T) float32 nats, log q, under the one that sampled.
        limit: > 0, largest weight.

    Returns:
        (..., T) float32 in [0, limit]; no gradient flows through. Padding is not
        masked here, see `reduce.py`.

    Raises:
        ConfigError: `limit` is not greater than 0.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.log(np.float32([0.25, 0.75])), np.log(np.float32([0.5, 0.25]))
        >>> truncated_importance_weights(new, old).__array__().round(4).tolist()
        [0.5, 2.0]

    Reference: Ionides 2008, "Truncated Importance Sampling", eq. 2; Yao et al. 2025,
    "Your Efficient RL Framework Secretly Brings You Off-Policy RL Training" (TIS).
    """
    if not limit > 0.0:
        raise ConfigError(
            f"limit must be greater than 0. Received: limit={limit}. 2 is usual."
        )
    return ops.minimum(_weights(log_probs, behaviour_log_probs), limit)


def masked_importance_weights(
    log_probs: Array,
    behaviour_log_probs: Array,
    *,
    low: float = 0.5,
    high: float = 5.0,
) -> Array:
    """Return p / q of each token, and 0 where it leaves [low, high].

    A token on which both policies disagree so much is taken for an error of the
    sampler, and nothing is learned from it. It keeps its place in the count of a mean.

    Args:
        log_probs: (..., T) float32 nats, log p, under the policy that learns.
        behaviour_log_probs: (..., T) float32 nats, log q, under the one that sampled.
        low: >= 0, least weight that is used.
        high: > low, largest weight that is used.

    Returns:
        (..., T) float32, 0 or in [low, high]; no gradient flows through. Padding is
        not masked here, see `reduce.py`.

    Raises:
        ConfigError: not 0 <= low < high.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.log(np.float32([0.1, 0.5])), np.log(np.float32([0.5, 0.25]))
        >>> masked_importance_weights(new, old).__array__().round(4).tolist()
        [0.0, 2.0]

    Reference: Ling Team 2025, "Every Step Evolves" (IcePop), section 3, arXiv
    2510.18855.
    """
    if not 0.0 <= low < high:
        raise ConfigError(
            "low must be at least 0 and less than high. Received: "
            f"low={low}, high={high}. 0.5 and 5 are usual."
        )
    weights = _weights(log_probs, behaviour_log_probs)
    inside = ops.logical_and(weights >= low, weights <= high)
    return ops.where(inside, weights, 0.0)
