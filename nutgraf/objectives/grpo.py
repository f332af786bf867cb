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
4. A second limit, off by default, bounds the loss of a token whose advantage is
   negative and whose ratio has run away upwards: the first clip pulls it back with a
   force that grows with the ratio. `dual_clip` (PPO, Ye et al. 2020) and `ratio_limit`
   (delta of INTELLECT-2) are two names of it; above the band they are the same.
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


def _ceiling(
    dual_clip: float | None, ratio_limit: float | None, high: float
) -> float | None:
    """Return the largest ratio that a negative advantage feels; None = no limit."""
    if dual_clip is not None and not dual_clip > 1.0:
        raise ConfigError(
            "dual_clip must be greater than 1, or None for no limit. Received: "
            f"dual_clip={dual_clip}. The paper uses 3."
        )
    if ratio_limit is not None and not ratio_limit > high:
        raise ConfigError(
            f"ratio_limit must be greater than the highest rewarded ratio, {high}, or "
            f"None for no limit. Received: ratio_limit={ratio_limit}. INTELLECT-2 uses "
            "4."
        )
    limits = [limit for limit in (dual_clip, ratio_limit) if limit is not None]
    return min(limits) if limits else None


def clipped_policy_loss(
    log_probs: Array,
    old_log_probs: Array,
    advantages: Array,
    *,
    clip_range: float = 0.2,
    clip_range_high: float | None = None,
    dual_clip: float | None = None,
    ratio_limit: float | None = None,
) -> Array:
    """Return the clipped surrogate of each token, to be minimised.

    -min(r * A, clip(r, 1 - clip_range, 1 + clip_range_high) * A) with
    r = exp(log_probs - old_log_probs). Log-ratios beyond 20 nats are cut, so that a
    masked token cannot overflow. With a second limit c (`dual_clip`, `ratio_limit`) the
    loss of a token with A < 0 is at most c * |A|.

    Args:
        log_probs: (..., T) float32 nats, of each sampled token under the policy.
        old_log_probs: (..., T) float32 nats, the same under the policy that sampled;
            no gradient flows here.
        advantages: (..., T) float32, reward units or standard deviations; no gradient
            flows here.
        clip_range: in (0, 1), how far below 1 a ratio is still rewarded for falling.
        clip_range_high: > 0, how far above 1 it is rewarded for rising; None takes
            `clip_range`.
        dual_clip: > 1, the second limit as in Ye et al. (3 there, also verl's default);
            None = none.
        ratio_limit: > 1 + clip_range_high, the second limit as in INTELLECT-2, where
            it reads min(r, limit) on the unclipped side (4 there); None = none.

    Returns:
        (..., T) float32; padding is not masked here, see `reduce.py`.

    Raises:
        ConfigError: a clip range or limit is out of range.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.log(np.float32([[1.5, 0.5, 1]])), np.zeros((1, 3), "float32")
        >>> loss = clipped_policy_loss(new, old, np.float32([[1, -1, 2]]))
        >>> loss.__array__().astype("float64").round(4).tolist()
        [[-1.2, 0.8, -2.0]]

    Reference: Schulman et al. 2017, "Proximal Policy Optimization Algorithms", eq. 7,
    arXiv 1707.06347; Shao et al. 2024, "DeepSeekMath", eq. 3, arXiv 2402.03300; Yu et
    al. 2025, "DAPO", eq. 8, arXiv 2503.14476; Ye et al. 2020, "Mastering Complex
    Control in MOBA Games with Deep Reinforcement Learning", arXiv 1912.09729;
    Prime Intellect 2025, "INTELLECT-2", section 4.1, arXiv 2505.07291.
    """
    check_same_shape(
        log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages
    )
    low, high = _band(clip_range, clip_range_high)
    ceiling = _ceiling(dual_clip, ratio_limit, high)
    advantages = ops.stop_gradient(ops.convert_to_tensor(advantages))
    moved = _ratio(log_probs, old_log_probs)  # (..., T)
    gain = ops.minimum(moved * advantages, ops.clip(moved, low, high) * advantages)
    if ceiling is not None:
        gain = ops.where(advantages < 0, ops.maximum(gain, ceiling * advantages), gain)
    return -gain


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
    dual_clip: float | None = None,
    ratio_limit: float | None = None,
) -> tuple[Array, Array]:
    """Return as (sum, count) how many tokens are clipped, so give no gradient.

    A token is clipped when its ratio has left the band on the side where its advantage
    drove it; outside on the other side it is still pulled back, up to the second limit
    when there is one.

    Args:
        log_probs: (..., T) float32 nats, under the policy.
        old_log_probs: (..., T) float32 nats, under the policy that sampled.
        advantages: (..., T) float32.
        mask: (..., T) bool, True = this token counts.
        clip_range: in (0, 1), as in `clipped_policy_loss`.
        clip_range_high: > 0, or None for `clip_range`.
        dual_clip: > 1 or None, as in `clipped_policy_loss`.
        ratio_limit: > 1 + clip_range_high or None, as in `clipped_policy_loss`.

    Returns:
        (sum, count), float32 scalars; their quotient is in [0, 1].

    Raises:
        ConfigError: a clip range or limit is out of range.
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
    ceiling = _ceiling(dual_clip, ratio_limit, high)
    moved = _ratio(log_probs, old_log_probs)
    driven_out = moved < low if ceiling is None else (moved < low) | (moved > ceiling)
    clipped = ops.logical_or(
        ops.logical_and(moved > high, advantages > 0),
        ops.logical_and(driven_out, advantages < 0),
    )
    return token_sum_count(ops.cast(clipped, "float32"), mask)
