"""From rewards of texts to advantages: how much better than expected.

All functions take the rewards of P prompts with G samples each. They differ in what
they expect: the mean of the group (GRPO), the mean of the other samples (RLOO), the
reward of the greedy text (self-critical, ReMax), or the mean of earlier rewards
(REINFORCE). A sample that is not valid gets 0 and counts for no other. A critic per
token is in `returns.py`.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.arrays import check_shapes
from nutgraf.errors import ConfigError
from nutgraf.objectives.whiten import centred

__all__ = ["group_advantages", "leave_one_out_advantages"]
__all__ += ["running_mean_advantages", "self_critical_advantages"]

Array = Any


def _weights(rewards: Array, valid: Array | None) -> tuple[Array, Array]:
    """Return (P, G) rewards with 0 where invalid, and float32 1 where valid."""
    if valid is None:
        check_shapes(rewards=(rewards, "P G"))
        valid = ops.ones_like(rewards)
    check_shapes(rewards=(rewards, "P G"), valid=(valid, "P G"))
    valid = ops.cast(valid, "bool")
    kept = ops.where(valid, ops.cast(rewards, "float32"), 0.0)
    return kept, ops.cast(valid, "float32")


def _centred(rewards: Array, weights: Array) -> tuple[Array, Array]:
    """Return (P, G) rewards minus their group's mean, and (P, 1) valid samples."""
    from_mean, _, count = centred(rewards, weights, axis=1)
    return from_mean, count


def group_advantages(
    rewards: Array,
    valid: Array | None = None,
    *,
    scale: bool = True,
    epsilon: float = 1e-4,
) -> Array:
    """Return the rewards minus the mean of their group, in standard deviations.

    (r - mean) / (std + epsilon); std divides by n - 1 (n = valid samples of the
    group), the choice of TRL and verl. Groups of equal rewards, or of fewer than two
    valid samples, give 0.

    Args:
        rewards: (P, G) float32.
        valid: (P, G) bool, False = leave this sample out; None = all count.
        scale: divide by the standard deviation (GRPO); False leaves reward units
            (Dr. GRPO: the division favours prompts whose rewards hardly differ).
        epsilon: > 0, added to the standard deviation; in reward units.

    Returns:
        (P, G) float32; each group sums to 0.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> found = group_advantages(np.float32([[1, 2, 3], [5, 5, 5]]), epsilon=1e-9)
        >>> found.__array__().round(4).tolist()
        [[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]

    Reference: Shao et al. 2024, "DeepSeekMath", section 4.1.2, arXiv 2402.03300; Liu
    et al. 2025, "Understanding R1-Zero-Like Training", section 3, arXiv 2503.20783.
    """
    rewards, weights = _weights(rewards, valid)
    centred, count = _centred(rewards, weights)
    if not scale:
        return centred
    squares = ops.sum(ops.square(centred), axis=1, keepdims=True)
    deviation = ops.sqrt(squares / ops.maximum(count - 1.0, 1.0))
    return centred / (deviation + epsilon)


def leave_one_out_advantages(rewards: Array, valid: Array | None = None) -> Array:
    """Return each reward minus the mean of the other samples of its group.

    r - mean of others = n / (n - 1) * (r - mean), n = valid samples of the group;
    fewer than two give 0.

    Args:
        rewards: (P, G) float32.
        valid: (P, G) bool, False = leave this sample out; None = all count.

    Returns:
        (P, G) float32, reward units; each group sums to 0.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> leave_one_out_advantages(np.float32([[1, 2, 3]])).__array__().tolist()
        [[-1.5, 0.0, 1.5]]

    Reference: Kool et al. 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!";
    Ahmadian et al. 2024, "Back to Basics" (RLOO), eq. 9, arXiv 2402.14740.
    """
    rewards, weights = _weights(rewards, valid)
    centred, count = _centred(rewards, weights)
    return centred * (count / ops.maximum(count - 1.0, 1.0))


def self_critical_advantages(
    rewards: Array, baseline: Array, valid: Array | None = None
) -> Array:
    """Return each reward minus the reward of the greedy text of its prompt.

    They are negative on average at first: samples are worse than the greedy text.

    Args:
        rewards: (P, G) float32.
        baseline: (P,) float32, the reward of the greedy text.
        valid: (P, G) bool, False = leave this sample out (also where the baseline did
            not apply); None = all count.

    Returns:
        (P, G) float32, reward units.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> rewards, greedy = np.float32([[1.0, 3.0]]), np.float32([2.0])
        >>> self_critical_advantages(rewards, greedy).__array__().tolist()
        [[-1.0, 1.0]]

    Reference: Rennie et al. 2017, "Self-critical Sequence Training for Image
    Captioning", eq. 8, arXiv 1612.00563.
    """
    check_shapes(rewards=(rewards, "P G"), baseline=(baseline, "P"))
    rewards, weights = _weights(rewards, valid)
    difference = rewards - ops.cast(baseline, "float32")[:, None]
    return ops.where(weights > 0, difference, 0.0)


def running_mean_advantages(
    rewards: Array,
    valid: Array | None,
    mean: Array,
    count: Array,
    *,
    decay: float = 0.99,
) -> tuple[Array, Array, Array]:
    """Return each reward minus the mean of earlier rewards, and the mean to go on with.

    For samples that have no group (G = 1) and no critic. The mean is that of all
    earlier rewards, each weighed decay^(updates since). It is a proper weighted mean
    from the first update on: it does not start at 0 and creep up. Before the first
    reward there is nothing to compare with: advantages are 0.

    Args:
        rewards: (P, G) float32.
        valid: (P, G) bool, False = leave this sample out; None = all count.
        mean: float32 scalar, the mean so far; any finite number at the start.
        count: float32 scalar >= 0, the weight of the rewards behind it; 0 at the start.
        decay: in (0, 1]; 1 = earlier rewards count as much as the last ones.

    Returns:
        (P, G) float32 advantages, reward units; the new mean and the new count.

    Raises:
        ConfigError: `decay` is outside (0, 1].
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> rewards = np.float32([[1.0], [3.0]])
        >>> found = running_mean_advantages(rewards, None, 0.0, 6.0, decay=1.0)
        >>> [part.__array__().tolist() for part in found]
        [[[1.0], [3.0]], 0.5, 8.0]

    Reference: Williams 1992, "Simple statistical gradient-following algorithms for
    connectionist reinforcement learning", Machine Learning 8, section 4
    (reinforcement comparison).
    """
    if not 0.0 < decay <= 1.0:
        raise ConfigError(
            f"decay must be in (0, 1]. Received: decay={decay}. 0.99 remembers about "
            "100 updates, 1 all of them."
        )
    rewards, weights = _weights(rewards, valid)
    mean = ops.convert_to_tensor(mean, "float32")
    count = ops.convert_to_tensor(count, "float32")
    difference = ops.where(weights > 0, rewards - mean, 0.0)
    advantages = ops.where(count > 0, difference, 0.0)
    new_count = decay * count + ops.sum(weights)
    # (decay * count * mean + sum r) / new_count, without the large products
    new_mean = mean + ops.sum(difference) / ops.maximum(new_count, 1e-9)
    return advantages, new_mean, new_count
