"""REINFORCE: the loss whose gradient is the policy gradient.

Self-critical training is this loss with the greedy text's reward as the baseline (see
`advantages.self_critical_advantages`); the clipped loss of `grpo.py` has the same
gradient as long as the policy is the one that sampled.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.log_ratio import finite_log_probs
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["policy_gradient_loss"]

Array = Any


def policy_gradient_loss(log_probs: Array, advantages: Array) -> Array:
    """Return -advantage * log-prob of each token, to be minimised.

    The value means nothing by itself (it may rise while the reward rises); its
    gradient, averaged over samples of the policy, is that of -E[reward].

    Args:
        log_probs: (..., T) float32 nats, of each sampled token under the policy.
        advantages: (..., T) float32, reward units; no gradient flows here.

    Returns:
        (..., T) float32; padding is not masked here, see `reduce.py`.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> loss = policy_gradient_loss(np.float32([-2, -1]), np.float32([1, -3]))
        >>> loss.__array__().tolist()
        [2.0, -3.0]

    Reference: Williams 1992, "Simple statistical gradient-following algorithms for
    connectionist reinforcement learning", Machine Learning 8, theorem 1; Rennie et al.
    2017, "Self-critical Sequence Training", eq. 7, arXiv 1612.00563.
    """
    check_same_shape(log_probs=log_probs, advantages=advantages)
    return -ops.stop_gradient(ops.convert_to_tensor(advantages)) * finite_log_probs(
        log_probs
    )
