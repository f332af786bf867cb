"""To mean 0 and variance 1 over everything that counts.

PPO does this with the advantages of a whole rollout, so that one learning rate and one
clip range suit every reward. It comes before the loss, never inside: micro-batches
must not be whitened one by one. `advantages.group_advantages` does it per prompt.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.shapes import check_same_shape

__all__ = ["centred", "whiten"]

Array = Any

_BELOW_ALL = -3e38
# As in verl and TRL: below this variance values are told apart no more.
_EPSILON = 1e-8


def centred(
    values: Array, mask: Array, *, axis: int | None = None
) -> tuple[Array, Array, Array]:
    """Return values minus their mean, the mean, and how many count.

    Equal values give exactly 0, whatever their size.

    Args:
        values: (..., T) float32; what is masked may be anything, NaN too.
        mask: (..., T) bool, True = this one counts.
        axis: the axis to average over; None = all of them.

    Returns:
        (..., T) float32, 0 where masked; mean and count, float32, that broadcast to it.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values, mask = np.float32([1, 3, 99]), np.array([True, True, False])
        >>> [part.__array__().tolist() for part in centred(values, mask, axis=0)]
        [[-1.0, 1.0, 0.0], [2.0], [2.0]]
    """
    check_same_shape(values=values, mask=mask)
    mask = ops.cast(mask, "bool")
    values = ops.cast(values, "float32")
    count = ops.sum(ops.cast(mask, "float32"), axis=axis, keepdims=True)
    # Counted from the highest value, so that equal ones give no rounding error.
    top = ops.max(ops.where(mask, values, _BELOW_ALL), axis=axis, keepdims=True)
    shifted = ops.where(mask, values - top, 0.0)
    mean = ops.sum(shifted, axis=axis, keepdims=True) / ops.maximum(count, 1.0)
    mean_of_all = ops.where(count > 0, top + mean, 0.0)
    return ops.where(mask, shifted - mean, 0.0), mean_of_all, count


def whiten(values: Array, mask: Array, *, centre: bool = True) -> Array:
    """Return values with mean 0 and variance 1 over all that count.

    The variance divides by n - 1, as in verl and TRL. Equal values, or a single one,
    give 0.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this one counts.
        centre: False leaves the mean where it is (for rewards, whose sign matters) and
            only scales the distance from it.

    Returns:
        (..., T) float32; 0 where masked.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values = np.float32([[1, 2, 3, 99]])
        >>> whiten(values, values < 9).__array__().round(4).tolist()
        [[-1.0, 0.0, 1.0, 0.0]]

    Reference: Ziegler et al. 2019, "Fine-Tuning Language Models from Human
    Preferences", arXiv 1909.08593, the function `whiten` of its published code (which
    divides by n).
    """
    from_mean, mean, count = centred(values, mask)
    variance = ops.sum(ops.square(from_mean)) / ops.maximum(count - 1.0, 1.0)
    scaled = from_mean * ops.rsqrt(variance + _EPSILON)
    if centre:
        return scaled
    return ops.where(ops.cast(mask, "bool"), scaled + mean, 0.0)
