"""The clipped policy loss, and what to watch while using it.

GRPO is this loss with advantages from the group (`advantages.group_advantages`). The
loss is PPO's: it lets a rollout be used for several updates, because a token's ratio
is rewarded only within a band around 1. On the first update the ratio is 1 and the
gradient is that of `policy_gradient.py`.

Differences from the paper:
1. The KL term is not in here, see `kl.py`.
2. Averaging over tokens is not in here, see `reduce.py`; the paper's is
   `sequence_mean`.
3. The upper clip may differ from the lower one ("clip higher", Yu et al. 2025).
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.log_ratio import log_ratio_clamped
from nutgraf.objectives.reduce import token_sum_count
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["clip_share", "clipped_policy_loss", "ratio"]

Array = Any


def _ratio(log_probs: Array, old_log_probs: Array) -> Array:
    return ops.exp(
        log_ratio_clamped(
            log_probs, ops.stop_gradient(ops.convert_to_tensor(old_log_probs))
        )
    )


def _band(clip_range: float, clip_range_high: float | None) -> tuple[float, float]:
    """Return the lowest and highest ratio that is rewarded."""
    if not 0.0 < clip_range < 1.0:
        raise ConfigError(
            f"clip_range must be in (0, 1). Received: clip_range={clip_range}. The PPO "
            "paper uses 0.2."
        )
    high = clip_range if clip_range_high is None else clip_range_high
    if not high > 0.0:
        raise ConfigError(
            "clip_range_high must be greater than 0, or None to use clip_range. "
            f"Received: clip_range_high={clip_range_high}. DAPO uses 0.28."
        )
    return 1.0 - clip_range, 1.0 + high


def clipped_policy_loss(
    log_probs: Array,
    old_log_probs: Array,
    advantages: Array,
    *,
    clip_range: float = 0.2,
    clip_range_high: float | None = None,
) -> Array:
    """Return the clipped surrogate of each token, to be minimised.

    -min(r * A, clip(r, 1 - clip_range, 1 + clip_range_high) * A) with
    r = exp(log_probs - old_log_probs). Log-ratios beyond 20 nats are cut, so that a
    masked token cannot overflow.

    Args:
        log_probs: (..., T) float32 nats, of each sampled token under the policy.
        old_log_probs: (..., T) float32 nats, the same under the policy that sampled;
            no gradient flows here.
        advantages: (..., T) float32, reward units or standard deviations; no gradient
            flows here.
        clip_range: in (0, 1), how far below 1 a ratio is still rewarded for falling.
        clip_range_high: > 0, how far above 1 it is rewarded for rising; None takes
            `clip_range`.

    Returns:
        (..., T) float32; padding is not masked here, see `reduce.py`.

    Raises:
        ConfigError: a clip range is out of range.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.log(np.float32([[1.5, 0.5, 1]])), np.zeros((1, 3), "float32")
        >>> loss = clipped_policy_loss(new, old, np.float32([[1, -1, 2]]))
        >>> loss.__array__().astype("float64").round(4).tolist()
        [[-1.2, 0.8, -2.0]]

    Reference: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", eq. 7,
    arXiv 1707.06347; Shao et al. 2024, "DeepSeekMath", eq. 3, arXiv 2402.03300; Yu et
    al. 2025, "DAPO", eq. 8, arXiv 2503.14476.
    """
    check_same_shape(
        log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    low, high = _band(clip_range, clip_range_high)
    advantages = ops.stop_gradient(ops.convert_to_tensor(advantages))
    moved = _ratio(log_probs, old_log_probs)  # (..., T)
    return -ops.minimum(moved * advantages, ops.clip(moved, low, high) * advantages)


def ratio(log_probs: Array, old_log_probs: Array, mask: Array) -> tuple[Array, Array]:
    """Return the probability ratio as (sum, count); its mean is near 1 on-policy.

    Args:
        log_probs: (..., T) float32 nats, under the policy.
        old_log_probs: (..., T) float32 nats, under the policy that sampled.
        mask: (..., T) bool, True = this token counts.

    Returns:
        (sum, count), float32 scalars.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> same, mask = np.float32([-1, -2]), np.array([True, True])
        >>> [float(part) for part in ratio(same, same, mask)]
        [2.0, 2.0]
    """
    check_same_shape(log_probs=log_probs, old_log_probs=old_log_probs, mask=mask)
    return token_sum_count(_ratio(log_probs, old_log_probs), mask)


def clip_share(
    log_probs: Array,
    old_log_probs: Array,
    advantages: Array,
    mask: Array,
    *,
    clip_range: float = 0.2,
    clip_range_high: float | None = None,
) -> tuple[Array, Array]:
    """Return as (sum, count) how many tokens are clipped, so give no gradient.

    A token is clipped when its ratio has left the band on the side where its advantage
    drove it; outside on the other side it is still pulled back.

    Args:
        log_probs: (..., T) float32 nats, under the policy.
        old_log_probs: (..., T) float32 nats, under the policy that sampled.
        advantages: (..., T) float32.
        mask: (..., T) bool, True = this token counts.
        clip_range: in (0, 1), as in `clipped_policy_loss`.
        clip_range_high: > 0, or None for `clip_range`.

    Returns:
        (sum, count), float32 scalars; their quotient is in [0, 1].

    Raises:
        ConfigError: a clip range is out of range.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.log(np.float32([1.5, 1.5, 1])), np.zeros(3, "float32")
        >>> mask, advantages = np.ones(3, bool), np.float32([1, -1, 1])
        >>> [float(part) for part in clip_share(new, old, advantages, mask)]
        [1.0, 3.0]
    """
    check_same_shape(
        log_probs=log_probs,
        old_log_probs=old_log_probs,
        advantages=advantages,
        mask=mask,
    )
    low, high = _band(clip_range, clip_range_high)
    moved = _ratio(log_probs, old_log_probs)
    clipped = ops.logical_or(
        ops.logical_and(moved > high, advantages > 0),
        ops.logical_and(moved < low, advantages < 0),
    )
    return token_sum_count(ops.cast(clipped, "float32"), mask)
