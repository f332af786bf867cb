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

from nutgraf.layers.packing import Grid
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

    def _split(self, x: Array, grid: Grid | None) -> Array:
        x = x if grid is None else grid.spread(x)
        prompts, samples, length, _ = ops.shape(x)
        shape = (prompts, samples, length, self.heads, self.width // self.heads)
        return ops.transpose(ops.reshape(x, shape), (0, 3, 1, 2, 4))

    def keys_values(
        self, x: Array, at: Rotation, grid: Grid | None = None
    ) -> KeysValues:
        """Project states to keys and values.

        Args:
            x: (P, G, L, D) states, or the list (N, D) of a grid's.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each.
            grid: of shape (P, G, L), when x is a list.

        Returns:
            Keys and values.
        """
        keys = rotate(self._split(self.key(x), grid), at)
        return KeysValues(keys, self._split(self.value(x), grid))

    def attend(
        self,
        x: Array,
        at: Rotation,
        parts: Sequence[tuple[KeysValues, Array]],
        grid: Grid | None = None,
    ) -> Array:
        """Attend to all parts of the text with one softmax.

        Args:
            x: (P, G, Q, D) states that ask, or the list (N, D) of a grid's.
            at: rotation to their positions, (P, 1, 1, Q, D/H/2) each.
            parts: keys and values of each part, and which of them are visible: bool,
                broadcastable to (P, H, G, Q, L).
            grid: of shape (P, G, Q), when x is a list.

        Returns:
            Outputs in the shape of x.
        """
        scale = (self.width // self.heads) ** -0.5
        query = rotate(self._split(self.query(x), grid), at) * scale
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
        mixed = ops.reshape(mixed, (*ops.shape(mixed)[:3], self.width))
        mixed = mixed if grid is None else grid.collect(mixed)
        return self.output_projection(mixed)

    def step(
        self,
        x: Array,
        at: Rotation,
        time: Array,
        past: KeysValues,
        prompt: KeysValues,
        seen: Array,
        grid: Grid,
    ) -> tuple[Array, KeysValues]:
        """Attend from the newest token of some texts to prompt and past.

        Args:
            x: (N, D) states of the tokens.
            at: rotation to their positions, (N, 1, D/H/2) each.
            time: int32 scalar, number of tokens in the past.
            past: of the texts, (N, H, T, D/H); what is not yet reached holds zeros.
            prompt: (P, H, 1, S, D/H).
            seen: (N, 1, S) bool, True = a token of the text's own prompt.
            grid: of shape (P, G), the texts.

        Returns:
            (N, D) outputs, and the past with these tokens.
        """
        shape = (-1, self.heads, self.width // self.heads)
        query, key, value = (
            ops.reshape(part(x), shape) for part in (self.query, self.key, self.value)
        )
        zero = ops.zeros_like(time)  # all indices of one type
        new = (rotate(key, at), value)
        past = KeysValues(
            *(
                ops.slice_update(
                    old, (zero, zero, time, zero), ops.cast(now, old.dtype)[:, :, None]
                )
                for old, now in zip(past, new, strict=True)
            )
        )
        query = rotate(query, at) * shape[-1] ** -0.5  # (N, H, D/H)

        def of_prompt(a: Array, b: Array) -> Array:
            """(N, H, X) x (P, H, X, Y) -> (N, H, Y): a prompt's texts as one matrix."""
            asked = ops.transpose(grid.spread(a), (0, 2, 1, 3))  # (P, H, G, X)
            return grid.collect(ops.transpose(ops.matmul(asked, b), (0, 2, 1, 3)))

        keys = ops.transpose(prompt.keys[:, :, 0], (0, 1, 3, 2))
        said = at_least_float32(of_prompt(query, keys))  # (N, H, S)
        own = at_least_float32(ops.matmul(past.keys, query[..., None])[..., 0])
        reached = ops.arange(past.keys.shape[2]) <= time
        scores = [ops.where(seen, said, -1e9), ops.where(reached, own, -1e9)]
        weights = ops.softmax(ops.concatenate(scores, axis=-1), axis=-1)
        weights = ops.cast(weights, query.dtype)
        size = seen.shape[-1]
        mixed = of_prompt(weights[..., :size], prompt.values[:, :, 0])
        mixed += ops.matmul(weights[:, :, None, size:], past.values)[:, :, 0]
        return self.output_projection(ops.reshape(mixed, ops.shape(x))), past

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "width": self.width, "heads": self.heads}
