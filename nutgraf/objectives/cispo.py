"""CISPO: the importance weight is clipped, not the gradient.

PPO's clip drops a token from the gradient once its ratio has left the band: rare,
decisive words are dropped first. Here every token keeps its gradient,
weight * advantage * grad log-prob, and only its weight has limits. It is
`policy_gradient.py` times `importance.truncated_importance_weights`, with a floor.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.log_ratio import finite_log_probs, log_ratio_clamped
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["cispo_loss"]

Array = Any


def cispo_loss(
    log_probs: Array,
    old_log_probs: Array,
    advantages: Array,
    *,
    ratio_low: float = 0.0,
    ratio_high: float = 5.0,
) -> Array:
    """Return the policy gradient loss with clipped importance weights, per token.

    -w * A * log_probs with w = clip(exp(log_probs - old_log_probs), ratio_low,
    ratio_high), through which no gradient flows. As with all policy gradients, the
    value means nothing by itself.

    Args:
        log_probs: (..., T) float32 nats, of each sampled token under the policy.
        old_log_probs: (..., T) float32 nats, the same under the policy that sampled.
        advantages: (..., T) float32, reward units or standard deviations; no gradient
            flows here.
        ratio_low: >= 0, least weight; 0 = no floor, as in the paper's experiments.
        ratio_high: > ratio_low, largest weight: 1 + epsilon_high of the paper.

    Returns:
        (..., T) float32; padding is not masked here, see `reduce.py`.

    Raises:
        ConfigError: not 0 <= ratio_low < ratio_high.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.float32([-1.0, -1.0]), np.float32([-1.0, -4.0])
        >>> loss = cispo_loss(new, old, np.float32([3, 3]), ratio_high=2.0)
        >>> loss.__array__().tolist()
        [3.0, 6.0]

    Reference: MiniMax 2025, "MiniMax-M1", eq. 4-5, arXiv 2506.13585; the limit 5:
    Khatri et al. 2025, "The Art of Scaling RL Compute for LLMs", arXiv 2510.13786.
    """
    check_same_shape(
        log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    if not 0.0 <= ratio_low < ratio_high:
        raise ConfigError(
            "ratio_low must be at least 0 and less than ratio_high. Received: "
            f"ratio_low={ratio_low}, ratio_high={ratio_high}. 0 and 5 are usual."
        )
    weights = ops.exp(log_ratio_clamped(log_probs, old_log_probs))
    weights = ops.stop_gradient(ops.clip(weights, ratio_low, ratio_high))
    advantages = ops.stop_gradient(ops.convert_to_tensor(advantages))
    return -weights * advantages * finite_log_probs(log_probs)
