"""The shape check that all objectives share: any leading axes, all arrays alike."""

from __future__ import annotations

from typing import Any

from nutgraf.arrays import check_shapes

__all__ = ["check_per_sequence", "check_same_shape"]

Array = Any

# The innermost axes have names; objectives may have more in front of them.
_LETTERS = "ABCEFIJKLMNOQRUWXYZ"


def _letters(array: Array) -> list[str]:
    """Return the names of the axes of an array (..., T)."""
    rank = max(1, len(array.shape))
    inner = ["P", "G", "T"][-rank:]
    return [*_LETTERS[: rank - len(inner)], *inner]


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
    letters = " ".join(_letters(next(iter(named.values()))))
    check_shapes(**{name: (array, letters) for name, array in named.items()})


def check_per_sequence(tokens: Array, **named: Array) -> None:
    """Check that arrays have one number per sequence.

    Args:
        tokens: (..., T), an array of one number per token.
        **named: name=array; each must have the shape (...).

    Raises:
        ValueError: a shape differs.

    Example:
        >>> import numpy as np
        >>> check_per_sequence(np.ones((2, 3)), last_values=np.ones(2))
    """
    letters = _letters(tokens)
    checked = {name: (array, " ".join(letters[:-1])) for name, array in named.items()}
    check_shapes(tokens=(tokens, " ".join(letters)), **checked)
