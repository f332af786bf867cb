"""From rewards of tokens to what each token earned: returns and advantages.

A critic makes the difference: without one, a token earns the discounted sum of all
later rewards; with one, `generalized_advantages` replaces what lies far ahead by the
critic's guess. With trace = 1 its advantages are discounted returns minus values, with
trace = 0 they look one token ahead.

Time is counted in tokens that count: a masked token in the middle (an observation, a
tool's answer) takes no time and earns nothing, as if it were not there.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.shapes import check_per_sequence, check_same_shape

__all__ = ["discounted_returns", "generalized_advantages"]

Array = Any


def _backward(keep: Array, add: Array, last: Array) -> Array:
    """Solve y_t = add_t + keep_t * y_(t+1), y_T = last, for all t in log2(T) steps.

    After the step of size s, y_t = add_t + keep_t * y_(t+2s): two neighbouring
    stretches become one of twice the length.
    """
    length = add.shape[-1]
    front = [(0, 0)] * (len(add.shape) - 1)
    size = 1
    while size < length:
        beyond = [*front, (0, size)]
        add = add + keep * ops.pad(add[..., size:], beyond)
        keep = keep * ops.pad(keep[..., size:], beyond, constant_values=1.0)
        size *= 2
    return add + keep * last[..., None]


def _check_fraction(name: str, value: float, hint: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{name} must be in [0, 1]. Received: {name}={value}. {hint}")


def discounted_returns(rewards: Array, mask: Array, discount: float) -> Array:
    """Return the reward of each token and of all later ones, discounted.

    R_t = r_t + discount * R_(t+1).

    Args:
        rewards: (..., T) float32, reward units; those of masked tokens are ignored.
        mask: (..., T) bool, True = this token counts.
        discount: in [0, 1], worth of a reward that comes one token later; 1 = the same.

    Returns:
        (..., T) float32, reward units; 0 where masked; no gradient flows through.

    Raises:
        ConfigError: `discount` is outside [0, 1].
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> rewards, mask = np.float32([[1, 0, 2]]), np.ones((1, 3), bool)
        >>> discounted_returns(rewards, mask, 0.5).__array__().tolist()
        [[1.5, 1.0, 2.0]]

    Reference: Sutton and Barto 2018, "Reinforcement Learning", eq. 3.8-3.9.
    """
    check_same_shape(rewards=rewards, mask=mask)
    _check_fraction("discount", discount, "1 is usual for texts.")
    mask = ops.cast(mask, "bool")
    rewards = ops.where(mask, ops.cast(rewards, "float32"), 0.0)
    keep = ops.where(mask, discount, ops.ones_like(rewards))
    returns = _backward(keep, rewards, ops.zeros_like(rewards[..., 0]))
    return ops.stop_gradient(ops.where(mask, returns, 0.0))


def generalized_advantages(
    rewards: Array,
    values: Array,
    mask: Array,
    *,
    discount: float = 1.0,
    trace: float = 0.95,
    last_values: Array | None = None,
) -> tuple[Array, Array]:
    """Return by how much each token beat the critic's guess (GAE), and the returns.

    A_t = d_t + discount * trace * A_(t+1) with d_t = r_t + discount * V_(t+1) - V_t.
    After the last counting token V is 0 (the text is over), or `last_values`.

    Args:
        rewards: (..., T) float32, reward units; those of masked tokens are ignored.
        values: (..., T) float32, reward units, the critic's guess before each token.
        mask: (..., T) bool, True = this token counts.
        discount: in [0, 1], worth of a reward that comes one token later; 1 = the same.
        trace: in [0, 1], lambda of the paper: 1 trusts the rewards (no bias, much
            variance), 0 trusts the critic.
        last_values: (...) float32, the critic's guess after the last counting token,
            for texts that were cut by the length limit; 0 for those that ended.

    Returns:
        (..., T) float32 advantages, and (..., T) float32 returns = advantages + values,
        the critic's target; 0 where masked; no gradient flows through.

    Raises:
        ConfigError: `discount` or `trace` is outside [0, 1].
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> rewards, values = np.float32([[0, 0, 1]]), np.float32([[0.5, 0.5, 0.75]])
        >>> mask = np.ones((1, 3), bool)
        >>> found = generalized_advantages(rewards, values, mask, trace=0.5)
        >>> [part.__array__().tolist() for part in found]
        [[[0.1875, 0.375, 0.25]], [[0.6875, 0.875, 1.0]]]

    Reference: Schulman et al. 2016, "High-Dimensional Continuous Control Using
    Generalized Advantage Estimation", eq. 11 and 16, arXiv 1506.02438.
    """
    check_same_shape(rewards=rewards, values=values, mask=mask)
    _check_fraction("discount", discount, "1 is usual for texts.")
    _check_fraction("trace", trace, "0.95 is usual.")
    mask = ops.cast(mask, "bool")
    rewards = ops.where(mask, ops.cast(rewards, "float32"), 0.0)
    values = ops.where(mask, ops.cast(values, "float32"), 0.0)
    nothing = ops.zeros_like(values[..., 0])  # (...)
    last = nothing
    if last_values is not None:
        check_per_sequence(rewards, last_values=last_values)
        last = ops.cast(last_values, "float32")
    # (..., T): the value at the first token from t on that counts; `last` behind all
    masked = 1.0 - ops.cast(mask, "float32")
    onward = _backward(masked, values, last)
    following = ops.concatenate([onward[..., 1:], last[..., None]], axis=-1)
    errors = ops.where(mask, rewards + discount * following - values, 0.0)
    keep = ops.where(mask, discount * trace, ops.ones_like(errors))
    advantages = ops.where(mask, _backward(keep, errors, nothing), 0.0)
    return ops.stop_gradient(advantages), ops.stop_gradient(advantages + values)
