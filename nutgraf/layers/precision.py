"""Where numbers must not be narrower than float32: softmax, logarithms, sums."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["at_least_float32"]


def at_least_float32(x: Any) -> Any:
    """Widen half precision to float32; leave float64 alone.

    A float64 model so stays float64 from end to end, which lets the tests tell a wrong
    formula from rounding.

    Args:
        x: a float tensor.

    Returns:
        The tensor as float32, or as float64 when it is that.

    Example:
        >>> keras.backend.standardize_dtype(at_least_float32(ops.zeros(2)).dtype)
        'float32'
    """
    if keras.backend.standardize_dtype(x.dtype) == "float64":
        return x
    return ops.cast(x, "float32")
