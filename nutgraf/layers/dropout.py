"""Dropout as a function of a seed, not of a stream.

Srivastava et al. 2014, "Dropout", JMLR 15: each activation is set to zero with
probability `rate` and the rest divided by `1 - rate`. The pattern depends on (seed,
place in the network) alone, so a resumed run repeats it.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.backend.random import dropout_mask

__all__ = ["Dropout", "training_dropout"]

Array = Any


class Dropout:
    """Dropout of one forward pass; every call is a new place in the network.

    Args:
        rate: float in [0, 1), share of activations that are dropped.
        seed: int32 scalar of this pass, or None to drop nothing.
    """

    def __init__(self, rate: float, seed: Array | None) -> None:
        """Start at the first place."""
        self.rate = rate
        self.seed = seed
        self._place = 0

    def __call__(self, x: Array) -> Array:
        """Drop elements of `x`."""
        if self.seed is None or self.rate == 0.0:
            return x
        self._place += 1
        kept = dropout_mask(ops.shape(x), self.rate, self.seed, self._place)
        scaled = x * ops.cast(1.0 / (1.0 - self.rate), x.dtype)
        return ops.where(kept, scaled, ops.zeros_like(x))


def training_dropout(rate: float, seeds: Any) -> Dropout | None:
    """Return the dropout of one Keras training step.

    Args:
        rate: float in [0, 1).
        seeds: a `keras.random.SeedGenerator`; it goes on by one seed.

    Returns:
        The dropout, None when the rate is 0.
    """
    if not rate:
        return None
    seed = ops.cast(seeds.next(), "int32")
    return Dropout(rate, seed[0] + seed[1])
