"""Rotary positions in the half-split form.

A query or key is cut into pairs of numbers, and pair i is turned by the angle position
· base**(-2i / d), so that the product of a query and a key depends on their distance
alone. Su et al. 2021, "RoFormer", arXiv 2104.09864, eq. 34.

Difference from the paper: pair i is (x[i], x[i + d/2]), as in Llama, not neighbours
(x[2i], x[2i + 1]). It changes no model, only the order of its weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.layers.precision import at_least_float32

__all__ = ["Rotation", "rotate", "rotation"]

Array = Any


class Rotation(NamedTuple):
    """Cosine and sine of the angle of each pair.

    Attributes:
        cos: (..., d/2) float32.
        sin: (..., d/2) float32.
    """

    cos: Array
    sin: Array


def rotation(
    positions: Array, size: int, dtype: str = "float32", base: float = 10_000.0
) -> Rotation:
    """Return the rotation of each position.

    Args:
        positions: (...) int32, >= 0.
        size: d, even int, numbers per head.
        dtype: "float32" or "float64".
        base: > 1; the slowest pair turns once in about 2π · base positions.

    Returns:
        cos and sin, (..., d/2) of `dtype`.

    Raises:
        ValueError: size is odd.

    Example:
        >>> print(ops.convert_to_numpy(rotation(ops.arange(2), 4).cos).round(2))
        [[1.   1.  ]
         [0.54 1.  ]]
    """
    if size % 2:
        raise ValueError(f"size must be even. Received: size={size}. Use {size + 1}.")
    rates = base ** (-2.0 * np.arange(size // 2) / size)
    angles = ops.cast(positions, dtype)[..., None] * ops.cast(rates, dtype)
    return Rotation(ops.cos(angles), ops.sin(angles))


def rotate(x: Array, by: Rotation) -> Array:
    """Turn queries or keys to their positions.

    Args:
        x: (..., d), any float type; the product is made in float32 or wider.
        by: of `rotation`, broadcastable to (..., d/2).

    Returns:
        (..., d) of the type of `x`.
    """
    half = x.shape[-1] // 2
    wide = at_least_float32(x)
    first, second = wide[..., :half], wide[..., half:]
    turned = [first * by.cos - second * by.sin, second * by.cos + first * by.sin]
    return ops.cast(ops.concatenate(turned, axis=-1), x.dtype)
