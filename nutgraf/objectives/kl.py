"""Estimates of KL(policy || reference) from one sampled token each, in nats.

With d = log policy - log reference of a token drawn from the policy:

- k1 = d: its mean is the KL, single values may be negative. Role: in the *reward*
  (reward - weight * k1). As a loss it is useless: its gradient is 0 on average.
- k2 = d^2 / 2: biased as a value, but its gradient, on-policy, is the gradient of the
  KL. Role: as a *loss*.
- k3 = exp(-d) - 1 + d: its mean is the KL, it is never negative, varies little. Role:
  as a number to watch, and as GRPO's *loss*. There its gradient is not that of this
  (reverse) KL but, on-policy, that of KL(reference || policy): it pulls to the same
  place, with another force.

Off-policy (old samples) each needs the importance weight of the token.

Reference: J. Schulman 2020, "Approximating KL Divergence",
http://joschu.net/blog/kl-approx.html; Tang and Munos 2025, "On a few pitfalls in KL
divergence gradient estimation for RL", arXiv 2506.09477.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.log_ratio import LIMIT, log_ratio
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["k1", "k2", "k3"]

Array = Any


def _difference(log_probs: Array, ref_log_probs: Array) -> Array:
    check_same_shape(log_probs=log_probs, ref_log_probs=ref_log_probs)
    return log_ratio(log_probs, ops.stop_gradient(ops.convert_to_tensor(ref_log_probs)))


def k1(log_probs: Array, ref_log_probs: Array) -> Array:
    """Return log policy - log reference of each token: unbiased, may be negative.

    Args:
        log_probs: (..., T) float32 nats, of tokens sampled from the policy.
        ref_log_probs: (..., T) float32 nats, of the same tokens under the reference;
            no gradient flows here.

    Returns:
        (..., T) float32 nats.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> float(k1(np.float32([-1.0]), np.float32([-0.5]))[0])
        -0.5

    Reference: Schulman 2020, see the top of this file.
    """
    return _difference(log_probs, ref_log_probs)


def k2(log_probs: Array, ref_log_probs: Array) -> Array:
    """Return half the squared log-ratio of each token: >= 0, biased, right gradient.

    Args:
        log_probs: (..., T) float32 nats, of tokens sampled from the policy.
        ref_log_probs: (..., T) float32 nats, of the same tokens under the reference;
            no gradient flows here.

    Returns:
        (..., T) float32, >= 0.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> float(k2(np.float32([-1.0]), np.float32([-0.5]))[0])
        0.125

    Reference: Schulman 2020, see the top of this file.
    """
    return 0.5 * ops.square(_difference(log_probs, ref_log_probs))


def k3(log_probs: Array, ref_log_probs: Array) -> Array:
    """Return exp(-d) - 1 + d of each token, d the log-ratio: unbiased, >= 0.

    Where the reference is more than 20 nats likelier than the policy the value stays
    at exp(20) - 21 and gives no gradient.

    Args:
        log_probs: (..., T) float32 nats, of tokens sampled from the policy.
        ref_log_probs: (..., T) float32 nats, of the same tokens under the reference;
            no gradient flows here.

    Returns:
        (..., T) float32 nats, >= 0.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> round(float(k3(np.float32([-1.0]), np.float32([-0.5]))[0]), 4)
        0.1487

    Reference: Schulman 2020, see the top of this file; Shao et al. 2024,
    "DeepSeekMath", eq. 4, arXiv 2402.03300.
    """
    x = ops.minimum(-_difference(log_probs, ref_log_probs), LIMIT)
    # exp(x) - 1 - x is all rounding error for small x (and negative half the time):
    # there its series, whose next term is below 2e-8 of the value.
    small = ops.abs(x) < 1e-2
    near = ops.where(small, x, 0.0)
    series = 0.5 * near * near * (1.0 + near / 3.0 * (1.0 + near / 4.0))
    return ops.where(small, series, ops.expm1(x) - x)
