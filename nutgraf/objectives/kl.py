"""Estimates of KL(policy || reference) from one sampled token each, in nats.

With d = log policy - log reference of a token drawn from the policy:

- k1 = d: its mean is the KL, single values may be negative. Role: in the *reward*
  (reward - weight * k1, `kl_rewards`). As a loss it is useless: its gradient is 0 on
  average.
- k2 = d^2 / 2: biased as a value, but its gradient, on-policy, is the gradient of the
  KL. Role: as a *loss*.
- k3 = exp(-d) - 1 + d: its mean is the KL, it is never negative, varies little. Role:
  as a number to watch, and as GRPO's *loss*. There its gradient is not that of this
  (reverse) KL but, on-policy, that of KL(reference || policy): it pulls to the same
  place, with another force.
- k3_plus: the value of k3 with the gradient of k2. Role: as a *loss* whose value can be
  read and whose gradient is right.
- absolute = |d|: no KL, but a distance that is never negative. Role: in the *reward*,
  as a penalty that also counts where the policy says less than the reference.

Off-policy (old samples) each needs the importance weight of the token.

Reference: J. Schulman 2020, "Approximating KL Divergence",
http://joschu.net/blog/kl-approx.html; Tang and Munos 2025, "On a few pitfalls in KL
divergence gradient estimation for RL", arXiv 2506.09477.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.log_ratio import LIMIT, log_ratio, log_ratio_clamped
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["absolute", "k1", "k2", "k3", "k3_plus", "kl_rewards"]

Array = Any


def _difference(log_probs: Array, ref_log_probs: Array) -> Array:
    check_same_shape(log_probs=log_probs, ref_log_probs=ref_log_probs)
    return log_ratio(log_probs, ops.stop_gradient(ops.convert_to_tensor(ref_log_probs)))


def k1(log_probs: Array, ref_log_probs: Array) -> Array:
    """Return log policy - log reference of each token: unbiased, may be negative.

    Direction: KL(policy || reference). Role: in the reward, see `kl_rewards`.

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

    Direction: KL(policy || reference). Role: as a loss.

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

    Direction: KL(policy || reference) as a value; as a loss its gradient is that of the
    other direction. Role: a number to watch, GRPO's loss.

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


def k3_plus(log_probs: Array, ref_log_probs: Array) -> Array:
    """Return k3 of each token with the gradient of k2: unbiased, and right as a loss.

    Direction: KL(policy || reference), in value and gradient. Role: as a loss.

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
        >>> round(float(k3_plus(np.float32([-1.0]), np.float32([-0.5]))[0]), 4)
        0.1487

    Reference: verl (`kl_penalty` of kind "k3+"); Tang and Munos 2025, see the top of
    this file.
    """
    right = k2(log_probs, ref_log_probs)
    value = ops.stop_gradient(k3(log_probs, ref_log_probs))
    return value + (right - ops.stop_gradient(right))


def absolute(log_probs: Array, ref_log_probs: Array) -> Array:
    """Return the absolute log-ratio of each token: >= 0, no estimate of a KL.

    Direction: the same for both. Role: a penalty in the reward.

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
        >>> float(absolute(np.float32([-1.0]), np.float32([-0.5]))[0])
        0.5

    Reference: verl (`kl_penalty` of kind "abs").
    """
    return ops.abs(_difference(log_probs, ref_log_probs))


def kl_rewards(log_probs: Array, ref_log_probs: Array, weight: float) -> Array:
    """Return the reward of each token for staying near the reference: -weight * k1.

    Direction: KL(policy || reference). Role: to be added to the rewards, before returns
    and advantages; then each token also answers for the KL of the later ones, which a
    KL in the loss leaves out.

    Args:
        log_probs: (..., T) float32 nats, of each token under the policy that sampled.
        ref_log_probs: (..., T) float32 nats, of the same tokens under the reference.
        weight: >= 0, reward units per nat.

    Returns:
        (..., T) float32, reward units; no gradient flows through. Log-ratios beyond 20
        nats are cut, so that one token that the reference forbids is no catastrophe.

    Raises:
        ConfigError: `weight` is negative.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> float(kl_rewards(np.float32([-1.0]), np.float32([-3.0]), 0.25)[0])
        -0.5

    Reference: Ziegler et al. 2019, "Fine-Tuning Language Models from Human
    Preferences", section 2.2, arXiv 1909.08593.
    """
    if not weight >= 0.0:
        raise ConfigError(
            f"weight must be at least 0. Received: weight={weight}. 0 turns the "
            "penalty off."
        )
    check_same_shape(log_probs=log_probs, ref_log_probs=ref_log_probs)
    return -weight * ops.stop_gradient(log_ratio_clamped(log_probs, ref_log_probs))
