"""What a critic learns, and how well it has learned it.

The critic guesses, before each token, the return that the policy will get. Its targets
are the returns of `returns.generalized_advantages`.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.shapes import check_same_shape
from nutgraf.objectives.whiten import centred

__all__ = ["explained_variance", "value_loss"]

Array = Any


def value_loss(
    values: Array,
    returns: Array,
    old_values: Array | None = None,
    *,
    clip_range: float | None = None,
) -> Array:
    """Return half the squared error of each guess, to be minimised.

    With a clip: 0.5 * max((V - R)^2, (clip(V, old - c, old + c) - R)^2). A guess that
    has moved by more than c towards its target gets no gradient any more.

    Args:
        values: (..., T) float32, reward units, the critic's guesses.
        returns: (..., T) float32, reward units; no gradient flows here.
        old_values: (..., T) float32, the guesses when the texts were sampled; only
            needed with a clip. No gradient flows here.
        clip_range: > 0, reward units; None = no clip. It depends on the scale of the
            rewards, and whether it helps is in doubt (Andrychowicz et al. 2021).

    Returns:
        (..., T) float32; padding is not masked here, see `reduce.py`.

    Raises:
        ConfigError: `clip_range` is not greater than 0, or comes without `old_values`.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values, returns = np.float32([1.0, 1.0]), np.float32([2.0, 2.0])
        >>> old = np.float32([0.5, 1.0])
        >>> value_loss(values, returns, old, clip_range=0.25).__array__().tolist()
        [0.78125, 0.5]

    Reference: Schulman et al. 2016, arXiv 1506.02438, section 5; the clip: OpenAI
    baselines (ppo2); Andrychowicz et al. 2021, "What Matters for On-Policy Deep
    Actor-Critic Methods?", section 3.2, arXiv 2006.05990.
    """
    check_same_shape(values=values, returns=returns)
    values = ops.cast(values, "float32")
    returns = ops.stop_gradient(ops.cast(returns, "float32"))
    squares = ops.square(values - returns)
    if clip_range is None:
        return 0.5 * squares
    if not clip_range > 0.0 or old_values is None:
        given = "without old_values" if old_values is None else "with old_values"
        raise ConfigError(
            "clip_range must be greater than 0 and needs old_values. Received: "
            f"clip_range={clip_range} {given}. Use None for no clip."
        )
    check_same_shape(values=values, old_values=old_values)
    old = ops.stop_gradient(ops.cast(old_values, "float32"))
    near = ops.clip(values, old - clip_range, old + clip_range)
    return 0.5 * ops.maximum(squares, ops.square(near - returns))


def explained_variance(values: Array, returns: Array, mask: Array) -> Array:
    """Return the share of the returns' variance that the critic foresees.

    1 - var(returns - values) / var(returns): 1 is perfect, 0 no better than a constant,
    below 0 worse than that.

    Args:
        values: (..., T) float32, reward units.
        returns: (..., T) float32, reward units.
        mask: (..., T) bool, True = this token counts.

    Returns:
        float32 scalar, at most 1; 0 where the returns do not vary.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> returns, mask = np.float32([1, 2, 3]), np.ones(3, bool)
        >>> float(explained_variance(returns + 5, returns, mask))
        1.0

    Reference: OpenAI baselines, `explained_variance`.
    """
    check_same_shape(values=values, returns=returns, mask=mask)
    returns = ops.cast(returns, "float32")
    missed = centred(returns - ops.cast(values, "float32"), mask)[0]
    around = ops.sum(ops.square(centred(returns, mask)[0]))
    varies = around > 0
    share = ops.sum(ops.square(missed)) / ops.where(varies, around, 1.0)
    return ops.where(varies, 1.0 - share, 0.0)
