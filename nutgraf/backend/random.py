"""Counter-based random numbers: the same bits on every backend.

A draw is a hash of its coordinates (seed, update, row, sample, step), not the next
number of a stream. So dropping a finished row, another bucket, another batch size or a
resumed run changes no draw. The hash is a 32-bit multiply-xorshift mixer with low
avalanche bias, written in wrapping int32 arithmetic that all backends share.

Reference: C. Wellons, "Prospecting for Hash Functions" (lowbias32), 2018,
https://nullprogram.com/blog/2018/07/31/
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

__all__ = ["dropout_mask", "hash_counters", "uniform"]

Array = Any


def _int32(unsigned: int) -> np.int32:
    return np.uint32(unsigned).astype(np.int32)


def _shift_right(x: Array, bits: int) -> Array:
    kept = (1 << (32 - bits)) - 1  # >> keeps the sign: clear the bits it brings in
    return ops.bitwise_and(ops.right_shift(x, np.int32(bits)), np.int32(kept))


def _mix(x: Array) -> Array:
    x = ops.bitwise_xor(x, _shift_right(x, 16))
    x = ops.multiply(x, _int32(0x7FEB352D))
    x = ops.bitwise_xor(x, _shift_right(x, 15))
    x = ops.multiply(x, _int32(0x846CA68B))
    return ops.bitwise_xor(x, _shift_right(x, 16))


def hash_counters(*counters: Array | int) -> Array:
    """Hash broadcastable int32 counters to int32, each order its own.

    Args:
        *counters: int32 arrays or Python ints, broadcast together.

    Returns:
        int32 array of the broadcast shape.
    """
    state: Array = ops.convert_to_tensor(_int32(0x9E3779B9))
    for counter in counters:
        counter = ops.cast(ops.convert_to_tensor(counter), "int32")
        state = _mix(ops.add(ops.bitwise_xor(state, counter), _int32(0x3C6EF372)))
    return state


def uniform(*counters: Array | int) -> Array:
    """Draw a uniform number in (0, 1) for each set of counters.

    Args:
        *counters: int32 arrays or Python ints, broadcast together.

    Returns:
        float32 array, one of the 2**24 midpoints (k + 1/2) / 2**24.
    """
    bits = _shift_right(hash_counters(*counters), 8)
    return (ops.cast(bits, "float32") + 0.5) * np.float32(2.0**-24)


def dropout_mask(shape: tuple[Any, ...], rate: float, *counters: Array | int) -> Array:
    """Draw which elements survive dropout.

    Args:
        shape: shape of the mask, sizes known at compile time or not.
        rate: float in [0, 1), the share that is dropped.
        *counters: scalar counters (seed, step, site).

    Returns:
        bool array of `shape`, True = kept.
    """
    index = ops.reshape(ops.arange(math.prod(shape), dtype="int32"), shape)
    return uniform(hash_counters(*counters), index) >= rate
