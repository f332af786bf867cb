"""Scalar heads: one number from each state of a policy, for critics and reward models.

A head is plain arrays beside the policy's weights, so that every policy can have one.
It starts at zero: the first values are 0, whatever the states.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.data.rows import Row

__all__ = ["Head", "read_head", "scalar_head", "state_width"]

Array = Any

Head = dict[str, Array]
"""`kernel` (D,) and `bias` (), float32."""


def scalar_head(width: int) -> dict[str, np.ndarray]:
    """Return a head that gives 0 for every state.

    Args:
        width: D >= 1, size of the states.

    Returns:
        The arrays of a `Head`.

    Example:
        >>> scalar_head(3)["kernel"].shape
        (3,)
    """
    return {"kernel": np.zeros(width, "float32"), "bias": np.zeros((), "float32")}


def read_head(head: Head, hidden: Array) -> Array:
    """Return the number of each state.

    Args:
        head: the arrays.
        hidden: (..., D or more), of `Policy.hidden`; the first D numbers are the state.

    Returns:
        (...) float32 (float64 from a float64 head).

    Example:
        >>> head = {"kernel": np.float32([1, 2]), "bias": np.float32(1)}
        >>> read_head(head, np.float32([[1, 1], [0, 0]])).__array__().tolist()
        [4.0, 1.0]
    """
    kernel = ops.convert_to_tensor(head["kernel"])
    states = ops.cast(hidden[..., : kernel.shape[0]], kernel.dtype)
    product = ops.matmul(states, kernel[:, None])
    return product[..., 0] + ops.convert_to_tensor(head["bias"])


def state_width(policy: Any) -> int:
    """Return D, the size of the states that `policy.hidden` gives.

    Args:
        policy: any `Policy`; one whose `hidden` carries more behind its states says how
            wide these are by an attribute `state_width`.

    Returns:
        D.
    """
    if hasattr(policy, "state_width"):
        return int(policy.state_width)
    batch = policy.codec.batch([Row("0", "a", ("a",))])
    hidden = policy.hidden(policy.encode(batch), np.zeros((1, 1, 1), "int32"))
    return int(hidden.shape[-1])
