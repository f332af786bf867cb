"""Additive attention, which may remember where it has looked.

    e_s = v · tanh(W_h h_s + W_q q + w_c c_s + b),  a = softmax(e)

of a query q over states h_s; Bahdanau et al. 2015, arXiv 1409.0473, section A.1.2. The
coverage c_s is the sum of the weights that earlier steps gave to h_s, and the coverage
loss of a step, Σ_s min(a_s, c_s), is what it looks at again: See et al. 2017, "Get To
The Point", eq. 10-13, arXiv 1704.04368. Without coverage the term w_c c_s is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from nutgraf.layers.precision import at_least_float32

__all__ = ["AdditiveAttention", "coverage_loss"]

Array = Any

NEVER = -1e9
"""Score of what cannot be seen; finite, so that no gradient becomes NaN."""


def coverage_loss(attention: Array) -> Array:
    """Return how much of each step's attention lies where earlier steps looked.

    Args:
        attention: (..., T, S) weights >= 0 of T steps, which sum to 1 over S.

    Returns:
        (..., T), in [0, 1]; 0 at the first step.

    Example:
        >>> import numpy as np
        >>> float(coverage_loss(np.float32([[1, 0], [0.75, 0.25]]))[1])
        0.75

    Reference: See et al. 2017, eq. 10 and 12.
    """
    attention = ops.convert_to_tensor(attention)
    coverage = ops.cumsum(attention, axis=-2) - attention
    return ops.sum(ops.minimum(attention, coverage), axis=-1)


class AdditiveAttention(keras.layers.Layer):
    """One head of additive attention over the states of a source.

    `keys` are computed once for each source. `attend` is a pure function of
    `weights_for_steps()`, so that it can be a part of a loop. Scores and softmax are
    float32 in half precision too.

    Args:
        width: D, size of queries and states.
        coverage: whether scores depend on earlier weights.

    Reference: Bahdanau et al. 2015, arXiv 1409.0473.
    """

    def __init__(self, width: int, coverage: bool = False, **kwargs: Any) -> None:
        """Create the projection of the states."""
        super().__init__(**kwargs)
        self.width = width
        self.coverage = coverage
        self.key = keras.layers.Dense(width, name="key", dtype=self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        self.key.build((None, None, self.width))
        square, line = (self.width, self.width), (self.width, 1)
        names = {"query_kernel": square, "score_kernel": line}
        names |= {"coverage_kernel": line} if self.coverage else {}
        self.kernels = [
            self.add_weight(name=name, shape=shape, initializer="glorot_uniform")
            for name, shape in names.items()
        ]
        self.built = True

    def keys(self, states: Array) -> Array:
        """Project states to keys, W_h h + b.

        Args:
            states: (B, S, D).

        Returns:
            (B, S, D).
        """
        return self.key(states)

    def weights_for_steps(self) -> list[Array]:
        """Return what `attend` reads: W_q (D, D), v (D, 1) and, with it, w_c (D, 1)."""
        return [
            ops.cast(ops.convert_to_tensor(weight), self.compute_dtype)
            for weight in self.kernels
        ]

    def attend(
        self,
        weights: Sequence[Array],
        query: Array,
        keys: Array,
        states: Array,
        visible: Array,
        coverage: Array | None = None,
    ) -> tuple[Array, Array]:
        """Look at a source once for each query; a pure function of its arguments.

        Args:
            weights: of `weights_for_steps`.
            query: (B, Q, D).
            keys: (B, S, D), of `keys`.
            states: (B, S, D).
            visible: (B, 1, S) bool, True = a source token.
            coverage: (B, Q, S) float32, the sum of earlier weights; None without it.

        Returns:
            What was seen, (B, Q, D) float32, and the weights (B, Q, S) float32.
        """
        query_kernel, score_kernel, *rest = weights
        query = ops.matmul(ops.cast(query, query_kernel.dtype), query_kernel)
        mixed = ops.expand_dims(keys, 1) + ops.expand_dims(query, 2)  # (B, Q, S, D)
        if coverage is not None:
            covered = ops.cast(coverage, mixed.dtype)[..., None]
            mixed = mixed + covered * rest[0][:, 0]
        scores = ops.matmul(ops.tanh(mixed), score_kernel)[..., 0]
        scores = ops.where(visible, at_least_float32(scores), NEVER)
        found = ops.softmax(scores, axis=-1)
        seen = ops.matmul(ops.cast(found, states.dtype), states)
        return at_least_float32(seen), found

    def call(self, query: Array, states: Array, visible: Array) -> tuple[Array, Array]:
        """Attend from (B, Q, D) queries to (B, S, D) states, (B, 1, S) visible."""
        keys = self.keys(states)
        return self.attend(self.weights_for_steps(), query, keys, states, visible)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        settings = {"width": self.width, "coverage": self.coverage}
        return {**super().get_config(), **settings}
