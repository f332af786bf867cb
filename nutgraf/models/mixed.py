"""Models that compute in bfloat16 and keep their weights in float32.

Micikevicius et al. 2018, "Mixed Precision Training", arXiv 1710.03740; bfloat16 has the
range of float32, so the loss is not scaled: Kalamkar et al. 2019, arXiv 1905.12322.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

__all__ = ["mixed_precision"]


@contextlib.contextmanager
def mixed_precision(on: bool = True) -> Iterator[None]:
    """Let models that are made in the block compute in bfloat16.

    Weights and their updates, softmax and log-probs stay float32. Worth it where the
    device multiplies bfloat16 faster; a CPU mostly does not.

    Args:
        on: False changes nothing.

    Yields:
        Nothing.

    Example:
        >>> with mixed_precision():
        ...     layer = keras.layers.Dense(1)
        >>> layer.compute_dtype, layer.variable_dtype
        ('bfloat16', 'float32')
    """
    before = keras.config.dtype_policy()
    if on:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
