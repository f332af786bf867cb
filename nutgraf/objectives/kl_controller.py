"""The weight of the KL penalty, steered so that the KL stays near a target."""

from __future__ import annotations

from nutgraf.errors import ConfigError

__all__ = ["adaptive_kl_weight"]

_LARGEST_ERROR = 0.2


def adaptive_kl_weight(
    weight: float, kl: float, *, target: float, horizon: float, steps: float
) -> float:
    """Return the weight of the KL penalty for the next update.

    weight * (1 + clip(kl / target - 1, -0.2, 0.2) * steps / horizon): a KL above the
    target makes the penalty dearer, one below makes it cheaper.

    Args:
        weight: >= 0, the weight so far; reward units per nat.
        kl: nats, the KL(policy || reference) that was measured, per text or per token
            as `target` is.
        target: > 0, nats, the KL to stay near.
        horizon: > 0, in the unit of `steps`; how long a change of 20 % takes, times 5.
        steps: >= 0, what has been seen since the last call (texts in the paper), at
            most 5 * horizon.

    Returns:
        float >= 0, the new weight.

    Raises:
        ConfigError: a number is out of range.

    Example:
        >>> adaptive_kl_weight(0.1, 12.0, target=6.0, horizon=10_000, steps=500)
        0.101

    Reference: Ziegler et al. 2019, "Fine-Tuning Language Models from Human
    Preferences", section 2.2, arXiv 1909.08593.
    """
    for name, value, good, allowed in (
        ("weight", weight, weight >= 0.0, "at least 0"),
        ("target", target, target > 0.0, "greater than 0 nats"),
        ("horizon", horizon, horizon > 0.0, "greater than 0"),
        ("steps", steps, 0.0 <= steps <= 5.0 * horizon, "in [0, 5 * horizon]"),
    ):
        if not good:
            raise ConfigError(
                f"{name} must be {allowed}. Received: {name}={value}. The paper "
                "starts at weight 0.1, with target 6 nats per text, horizon 10,000 "
                "texts."
            )
    error = min(max(kl / target - 1.0, -_LARGEST_ERROR), _LARGEST_ERROR)
    return weight * (1.0 + error * steps / horizon)
