"""The shape check that all objectives share: any leading axes, all arrays alike."""

from __future__ import annotations

from typing import Any

from nutgraf.arrays import check_shapes

__all__ = ["check_same_shape"]

Array = Any

# The innermost axes have names; objectives may have more in front of them.
_LETTERS = "ABCEFIJKLMNOQRUWXYZ"


def check_same_shape(**named: Array) -> None:
    """Check that arrays of one call have the same shape (..., T).

    Args:
        **named: name=array.

    Raises:
        ValueError: two shapes differ, or an array has no axis.

    Example:
        >>> import numpy as np
        >>> check_same_shape(values=np.ones((2, 3)), mask=np.ones((2, 3)))
    """
    rank = max(1, len(next(iter(named.values())).shape))
    inner = ["P", "G", "T"][-rank:]
    letters = " ".join([*_LETTERS[: rank - len(inner)], *inner])
    check_shapes(**{name: (array, letters) for name, array in named.items()})
