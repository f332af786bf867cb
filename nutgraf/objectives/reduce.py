"""From one value per token to one number: the reductions of all losses.

Each exists as (sum, count), and as sum / count. Sums and counts of micro-batches add
up, so eight micro-batches of one give the loss of one batch of eight whatever their
lengths; means do not. Which tokens count is the mask's business alone.

- token_*: every token has the same weight, so long texts weigh more.
- sequence_*: every text has the same weight, so a token of a long text weighs less.
- sequence_sum_*: every text weighs as many times as it has tokens, per text.
- fixed_length_*: as before, divided by a constant length: no length bias (Dr. GRPO).
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["fixed_length_mean", "fixed_length_sum_count", "mean_of"]
__all__ += ["sequence_mean", "sequence_sum_count", "sequence_sum_mean"]
__all__ += ["sequence_sum_sum_count", "token_mean", "token_sum_count"]

Array = Any


def _masked(values: Array, mask: Array) -> tuple[Array, Array]:
    """Return values with 0 where the mask is False, and the mask as float32."""
    check_same_shape(values=values, mask=mask)
    mask = ops.cast(mask, "bool")
    values = ops.cast(values, "float32")
    # where, not a product: a masked inf or NaN must not reach the sum.
    return ops.where(mask, values, 0.0), ops.cast(mask, "float32")


def mean_of(total: Array, count: Array) -> Array:
    """Return total / count, and 0 where nothing counts.

    Args:
        total: float32, any shape.
        count: float32 >= 0, same shape.

    Returns:
        float32, same shape.

    Example:
        >>> import numpy as np
        >>> mean_of(np.float32([3, 0]), np.float32([2, 0])).__array__().tolist()
        [1.5, 0.0]
    """
    total, count = ops.cast(total, "float32"), ops.cast(count, "float32")
    return ops.where(count > 0, total / ops.maximum(count, 1e-9), 0.0)


def token_sum_count(values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the sum over all counting tokens, and their number.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.

    Returns:
        (sum, count), float32 scalars.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values, mask = np.float32([[1, 2, 3]]), np.array([[True, True, False]])
        >>> [float(part) for part in token_sum_count(values, mask)]
        [3.0, 2.0]
    """
    values, counts = _masked(values, mask)
    return ops.sum(values), ops.sum(counts)


def token_mean(values: Array, mask: Array) -> Array:
    """Return the mean over all counting tokens of the batch.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.

    Returns:
        float32 scalar; 0 when no token counts.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values = np.float32([[1, 2, 3], [9, 0, 0]])
        >>> mask = np.array([[True, True, True], [True, False, False]])
        >>> float(token_mean(values, mask))
        3.75

    Reference: Yu et al. 2025, "DAPO", section 3.3, arXiv 2503.14476.
    """
    return mean_of(*token_sum_count(values, mask))


def sequence_sum_count(values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the sum of the sequences' means, and the number of sequences.

    A sequence in which no token counts is not there.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.

    Returns:
        (sum, count), float32 scalars.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values = np.float32([[1, 3], [9, 0], [7, 7]])
        >>> mask = np.array([[True, True], [True, False], [False, False]])
        >>> [float(part) for part in sequence_sum_count(values, mask)]
        [11.0, 2.0]
    """
    values, counts = _masked(values, mask)
    lengths = ops.sum(counts, axis=-1)  # (...)
    means = mean_of(ops.sum(values, axis=-1), lengths)
    return ops.sum(means), ops.sum(ops.cast(lengths > 0, "float32"))


def sequence_mean(values: Array, mask: Array) -> Array:
    """Return the mean over tokens per sequence, then the mean over sequences.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.

    Returns:
        float32 scalar; 0 when no token counts.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values = np.float32([[1, 3], [9, 0], [7, 7]])
        >>> mask = np.array([[True, True], [True, False], [False, False]])
        >>> float(sequence_mean(values, mask))
        5.5

    Reference: Shao et al. 2024, "DeepSeekMath", eq. 3 (GRPO), arXiv 2402.03300.
    """
    return mean_of(*sequence_sum_count(values, mask))


def sequence_sum_sum_count(values: Array, mask: Array) -> tuple[Array, Array]:
    """Return the sum over all counting tokens, and the number of sequences.

    A sequence in which no token counts is not there.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.

    Returns:
        (sum, count), float32 scalars.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values = np.float32([[1, 3], [9, 0], [7, 7]])
        >>> mask = np.array([[True, True], [True, False], [False, False]])
        >>> [float(part) for part in sequence_sum_sum_count(values, mask)]
        [13.0, 2.0]
    """
    values, counts = _masked(values, mask)
    return ops.sum(values), ops.sum(ops.cast(ops.any(counts > 0, axis=-1), "float32"))


def sequence_sum_mean(values: Array, mask: Array) -> Array:
    """Return the sum over tokens per sequence, then the mean over sequences.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.

    Returns:
        float32 scalar; 0 when no token counts.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values = np.float32([[1, 3], [9, 0], [7, 7]])
        >>> mask = np.array([[True, True], [True, False], [False, False]])
        >>> float(sequence_sum_mean(values, mask))
        6.5

    Reference: Williams 1992, "Simple statistical gradient-following algorithms",
    Machine Learning 8; Rennie et al. 2017, eq. 3, arXiv 1612.00563.
    """
    return mean_of(*sequence_sum_sum_count(values, mask))


def fixed_length_sum_count(
    values: Array, mask: Array, length: int
) -> tuple[Array, Array]:
    """Return the sum over all counting tokens, and `length` times the sequences.

    A sequence in which no token counts is not there.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.
        length: the constant that stands for every sequence's length, in tokens, >= 1;
            usually the limit of the sampler.

    Returns:
        (sum, count), float32 scalars.

    Raises:
        ConfigError: `length` is less than 1.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values, mask = np.float32([[1, 3], [9, 0]]), np.ones((2, 2), bool)
        >>> [float(part) for part in fixed_length_sum_count(values, mask, 4)]
        [13.0, 8.0]
    """
    if length < 1:
        raise ConfigError(
            f"length must be at least 1 token. Received: length={length}. Use the "
            "length limit of the sampler."
        )
    total, sequences = sequence_sum_sum_count(values, mask)
    return total, sequences * length


def fixed_length_mean(values: Array, mask: Array, length: int) -> Array:
    """Return the sum over tokens divided by a constant length, mean over sequences.

    Args:
        values: (..., T) float32.
        mask: (..., T) bool, True = this token counts.
        length: the constant, in tokens, >= 1; usually the limit of the sampler.

    Returns:
        float32 scalar; 0 when no token counts.

    Raises:
        ConfigError: `length` is less than 1.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> values, mask = np.float32([[1, 3], [9, 0]]), np.ones((2, 2), bool)
        >>> float(fixed_length_mean(values, mask, 4))
        1.625

    Reference: Liu et al. 2025, "Understanding R1-Zero-Like Training: A Critical
    Perspective" (Dr. GRPO), section 3, arXiv 2503.20783.
    """
    return mean_of(*fixed_length_sum_count(values, mask, length))
