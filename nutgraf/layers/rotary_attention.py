"""Self-attention with rotary positions, over a shared prompt and each sample's own.

softmax(Q Kᵀ / sqrt(d)) V with one softmax over all parts of the text. The keys and
values of a prompt are computed once: against them the G samples of the prompt are one
longer query, and nothing is repeated. Without biases, as in Llama (Touvron et al. 2023,
arXiv 2302.13971).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.rotary import Rotation, rotate

__all__ = ["KeysValues", "RotaryAttention"]

Array = Any


class KeysValues(NamedTuple):
    """Keys, turned to their positions, and values of a part of a text.

    Attributes:
        keys: (P, H, G, L, D/H); G = 1 where all samples of a prompt share the part.
        values: (P, H, G, L, D/H).
    """

    keys: Array
    values: Array


def _shared_matmul(a: Array, b: Array) -> Array:
    """(P, H, G, L, X) x (P, H, G or 1, X, Y) -> (P, H, G, L, Y).

    Where the samples share `b`, they are one longer matrix: one product, no broadcast.
    """
    prompts, heads, samples, length, size = ops.shape(a)
    if b.shape[2] == samples:
        return ops.matmul(a, b)
    joined = ops.reshape(a, (prompts, heads, 1, samples * length, size))
    shape = (prompts, heads, samples, length, ops.shape(b)[-1])
    return ops.reshape(ops.matmul(joined, b), shape)


class RotaryAttention(keras.layers.Layer):
    """Multi-head attention of a text to its own past, in parts.

    States have the shape (P, G, L, D): G samples of each of P prompts; a prompt itself
    is one sample. Scores and softmax are float32 in half precision too.

    Args:
        width: int, size of inputs and outputs, a multiple of `heads`.
        heads: int, number of heads; the size of a head is even.

    Raises:
        ValueError: width is no even multiple of heads.

    Reference: Su et al. 2021, arXiv 2104.09864, eq. 16.
    """

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        """Create the four projections."""
        super().__init__(**kwargs)
        multiple = 2 * heads
        if width % multiple:
            raise ValueError(
                "width must be a multiple of 2 · heads. Received: width="
                f"{width}, heads={heads}. Use width={-(-width // multiple) * multiple}."
            )
        self.width = width
        self.heads = heads

        def projection(name: str) -> keras.layers.Dense:
            return keras.layers.Dense(
                width, use_bias=False, name=name, dtype=self.dtype_policy
            )

        self.query = projection("query")
        self.key = projection("key")
        self.value = projection("value")
        self.output_projection = projection("output")

    def build(self, input_shape: Any = None) -> None:
        """Create the weights of the four projections."""
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build((None, None, self.width))
        self.built = True

    def _split(self, x: Array) -> Array:
        prompts, samples, length, _ = ops.shape(x)
        shape = (prompts, samples, length, self.heads, self.width // self.heads)
        return ops.transpose(ops.reshape(x, shape), (0, 3, 1, 2, 4))

    def keys_values(self, x: Array, at: Rotation) -> KeysValues:
        """Project states to keys and values.

        Args:
            x: (P, G, L, D) states.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each.

        Returns:
            Keys and values.
        """
        keys = rotate(self._split(self.key(x)), at)
        return KeysValues(keys, self._split(self.value(x)))

    def attend(
        self, x: Array, at: Rotation, parts: Sequence[tuple[KeysValues, Array]]
    ) -> Array:
        """Attend to all parts of the text with one softmax.

        Args:
            x: (P, G, Q, D) states that ask.
            at: rotation to their positions, (P, 1, 1, Q, D/H/2) each.
            parts: keys and values of each part, and which of them are visible: bool,
                broadcastable to (P, H, G, Q, L).

        Returns:
            (P, G, Q, D) outputs.
        """
        scale = (self.width // self.heads) ** -0.5
        query = rotate(self._split(self.query(x)), at) * scale
        scores = []
        for part, visible in parts:
            products = _shared_matmul(query, ops.transpose(part.keys, (0, 1, 2, 4, 3)))
            scores.append(ops.where(visible, at_least_float32(products), -1e9))
        weights = ops.softmax(ops.concatenate(scores, axis=-1), axis=-1)
        weights = ops.cast(weights, query.dtype)
        mixed, start = 0.0, 0
        for part, _ in parts:
            end = start + ops.shape(part.values)[3]
            mixed = mixed + _shared_matmul(weights[..., start:end], part.values)
            start = end
        mixed = ops.transpose(mixed, (0, 2, 3, 1, 4))  # (P, G, Q, H, D/H)
        return self.output_projection(ops.reshape(mixed, ops.shape(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "width": self.width, "heads": self.heads}
