"""Multi-head attention whose keys and values can be kept and shared.

softmax(Q Kᵀ / sqrt(d)) V, Vaswani et al. 2017, section 3.2, arXiv 1706.03762. Keys and
values are computed apart from the queries: a prompt's are made once and serve all its
samples (one longer query), and a decoder appends to its own step by step.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from nutgraf.layers.packing import Grid
from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.rotary import Rotation, rotate

__all__ = ["Attention", "causal_mask"]

Array = Any


def causal_mask(length: int) -> Array:
    """Return the (1, length, length) bool mask in which a query sees itself and before.

    Args:
        length: int >= 1.

    Returns:
        (1, length, length) bool, True = visible.
    """
    steps = ops.arange(length)
    return (steps[None, :] <= steps[:, None])[None]


class Attention(keras.layers.Layer):
    """Multi-head attention with biases.

    Masks are explicit arguments (True = visible); Keras' implicit masks are ignored.
    Scores and softmax are float32 in half precision too.

    Args:
        width: int, size of inputs and outputs, a multiple of `heads`.
        heads: int, number of heads.

    Reference: Vaswani et al. 2017, arXiv 1706.03762, section 3.2.
    """

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        """Create the four projections."""
        super().__init__(**kwargs)
        if width % heads:
            raise ValueError(
                f"width must be a multiple of heads. Received: width={width}, "
                f"heads={heads}. Use width={-(-width // heads) * heads}."
            )
        self.width = width
        self.heads = heads

        def projection(name: str) -> keras.layers.Dense:
            return keras.layers.Dense(width, name=name, dtype=self.dtype_policy)

        self.query = projection("query")
        self.key = projection("key")
        self.value = projection("value")
        self.output_projection = projection("output")

    def build(self, input_shape: Any = None) -> None:
        """Create the weights of the four projections."""
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build((None, None, self.width))
        self.built = True

    def _split(self, x: Array, grid: Grid | None = None) -> Array:
        x = x if grid is None else grid.spread(x)
        batch, length, _ = ops.shape(x)
        x = ops.reshape(x, (batch, length, self.heads, self.width // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))  # (B, H, L, D/H)

    def keys_values(
        self, x: Array, grid: Grid | None = None, at: Rotation | None = None
    ) -> tuple[Array, Array]:
        """Project states to keys and values.

        Args:
            x: (B, L, D) states, or the list (N, D) of a grid's.
            grid: of shape (B, L), when x is a list.
            at: rotation of the keys to their positions, broadcastable to
                (B, H, L, D/H/2); None turns nothing.

        Returns:
            Two arrays (B, H, L, D/H).
        """
        keys = self._split(self.key(x), grid)
        keys = keys if at is None else rotate(keys, at)
        return keys, self._split(self.value(x), grid)

    def attend(
        self,
        x: Array,
        keys: Array,
        values: Array,
        mask: Array | None,
        grid: Grid | None = None,
        at: Rotation | None = None,
    ) -> tuple[Array, Array]:
        """Attend from states to given keys and values.

        Args:
            x: (B, Q, D) states that ask, or the list (N, D) of a grid's.
            keys: (B, H, L, D/H).
            values: (B, H, L, D/H).
            mask: bool, broadcastable to (B, Q, L), True = visible; None = all.
            grid: of shape (B, Q), when x is a list.
            at: rotation of the queries to their positions, broadcastable to
                (B, H, Q, D/H/2); None turns nothing.

        Returns:
            Outputs in the shape of x, and (B, H, Q, L) float32 weights.
        """
        scale = (self.width // self.heads) ** -0.5
        query = self._split(self.query(x) * scale, grid)  # (B, H, Q, D/H)
        query = query if at is None else rotate(query, at)
        scores = ops.matmul(query, ops.transpose(keys, (0, 1, 3, 2)))
        scores = at_least_float32(scores)
        if mask is not None:
            scores = ops.where(ops.expand_dims(mask, 1), scores, -1e9)
        weights = ops.softmax(scores, axis=-1)  # (B, H, Q, L)
        mixed = ops.matmul(ops.cast(weights, values.dtype), values)
        mixed = ops.transpose(mixed, (0, 2, 1, 3))  # (B, Q, H, D/H)
        batch, length = ops.shape(mixed)[:2]
        mixed = ops.reshape(mixed, (batch, length, self.width))
        mixed = mixed if grid is None else grid.collect(mixed)
        return self.output_projection(mixed), weights

    def call(
        self, x: Array, visible: Array | None = None, at: Rotation | None = None
    ) -> Array:
        """Attend from every position to the positions of the same text."""
        keys, values = self.keys_values(x, at=at)
        return self.attend(x, keys, values, visible, at=at)[0]

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "width": self.width, "heads": self.heads}
