"""Self-attention with rotary positions, over a shared prompt and each sample's own.

softmax(Q Kᵀ / sqrt(d)) V with one softmax over all parts of the text. The keys and
values of a prompt are computed once: against them the G samples of the prompt are one
longer query, and nothing is repeated.

With fewer heads of keys and values than of queries (Ainslie et al. 2023, "GQA", arXiv
2305.13245), head h of the queries asks head h // R of the K = H / R others. Its R heads
ask as one longer query too, so again nothing is repeated. Letters as in `arrays`.
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
        keys: (P, K, G, L, D/H); G = 1 where all samples of a prompt share the part.
        values: (P, K, G, L, D/H).
    """

    keys: Array
    values: Array


def _shared_matmul(a: Array, b: Array) -> Array:
    """(P, K, G, L, X) x (P, K, G or 1, X, Y) -> (P, K, G, L, Y).

    Where the samples share `b`, they are one longer matrix: one product, no broadcast.
    """
    prompts, heads, samples, length, size = ops.shape(a)
    if b.shape[2] == samples:
        return ops.matmul(a, b)
    joined = ops.reshape(a, (prompts, heads, 1, samples * length, size))
    shape = (prompts, heads, samples, length, ops.shape(b)[-1])
    return ops.reshape(ops.matmul(joined, b), shape)


def _of_prompt(a: Array, b: Array, grid: Grid) -> Array:
    """(N, K, R, X) x (P, K, X, Y) -> (N, K, R, Y): a prompt's texts as one matrix."""
    asked = ops.transpose(grid.spread(a), (0, 2, 1, 3, 4))  # (P, K, G, R, X)
    prompts, heads, texts, repeats, size = ops.shape(asked)
    asked = ops.reshape(asked, (prompts, heads, texts * repeats, size))
    found = ops.reshape(ops.matmul(asked, b), (prompts, heads, texts, repeats, -1))
    return grid.collect(ops.transpose(found, (0, 2, 1, 3, 4)))


def _turned(x: Array, at: Rotation | None) -> Array:
    return x if at is None else rotate(x, at)


class RotaryAttention(keras.layers.Layer):
    """Multi-head attention of a text to its own past, in parts.

    States have the shape (P, G, L, D): G samples of each of P prompts; a prompt itself
    is one sample. Scores and softmax are float32 in half precision too. A rotation of
    None leaves positions out: the states know them already.

    Args:
        width: int, size of inputs and outputs, a multiple of `heads`.
        heads: int, number of heads; with rotations, the size of a head is even.
        key_value_heads: int, K, heads of keys and values, a divisor of `heads`; 0 =
            as many as `heads`.
        bias: whether the projections have biases; those of Llama have none.

    Raises:
        ValueError: width is no multiple of heads, or heads none of key_value_heads.

    Reference: Su et al. 2021, arXiv 2104.09864, eq. 16.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        key_value_heads: int = 0,
        bias: bool = False,
        **kwargs: Any,
    ) -> None:
        """Create the four projections."""
        super().__init__(**kwargs)
        shared = key_value_heads or heads
        if width % heads or heads % shared:
            raise ValueError(
                "width must be a multiple of heads, and heads of key_value_heads. "
                f"Received: width={width}, heads={heads}, key_value_heads={shared}. "
                f"Use width={-(-width // heads) * heads}, key_value_heads=1."
            )
        self.width = width
        self.heads = heads
        self.key_value_heads = shared
        self.bias = bias

        def projection(name: str, size: int) -> keras.layers.Dense:
            return keras.layers.Dense(
                size, use_bias=bias, name=name, dtype=self.dtype_policy
            )

        self.query = projection("query", width)
        self.key = projection("key", width // heads * shared)
        self.value = projection("value", width // heads * shared)
        self.output_projection = projection("output", width)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights of the four projections."""
        for layer in (self.query, self.key, self.value, self.output_projection):
            layer.build((None, None, self.width))
        self.built = True

    @property
    def _repeats(self) -> int:
        """R, heads of queries for one of keys and values."""
        return self.heads // self.key_value_heads

    def _split(self, x: Array, grid: Grid | None) -> Array:
        """Cut states into heads of any number: (P, heads, G, L, D/H)."""
        x = x if grid is None else grid.spread(x)
        prompts, samples, length, _ = ops.shape(x)
        shape = (prompts, samples, length, -1, self.width // self.heads)
        return ops.transpose(ops.reshape(x, shape), (0, 3, 1, 2, 4))

    def _joined(self, query: Array) -> Array:
        """(P, H, G, Q, D/H) -> (P, K, G, R·Q, D/H): R heads as one longer query."""
        if self._repeats == 1:
            return query
        prompts, _, samples, length, size = ops.shape(query)
        apart = (prompts, self.key_value_heads, self._repeats, samples, length, size)
        query = ops.transpose(ops.reshape(query, apart), (0, 1, 3, 2, 4, 5))
        shape = (prompts, self.key_value_heads, samples, self._repeats * length, size)
        return ops.reshape(query, shape)

    def _merge(self, mixed: Array) -> Array:
        """(P, K, G, R·Q, D/H) -> (P, G, Q, D)."""
        prompts, shared, samples, long, size = ops.shape(mixed)
        length = long // self._repeats
        apart = (prompts, shared, samples, self._repeats, length, size)
        mixed = ops.transpose(ops.reshape(mixed, apart), (0, 2, 4, 1, 3, 5))
        return ops.reshape(mixed, (prompts, samples, length, self.width))

    def keys_values(
        self, x: Array, at: Rotation | None, grid: Grid | None = None
    ) -> KeysValues:
        """Project states to keys and values.

        Args:
            x: (P, G, L, D) states, or the list (N, D) of a grid's.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each, or None.
            grid: of shape (P, G, L), when x is a list.

        Returns:
            Keys and values.
        """
        keys = _turned(self._split(self.key(x), grid), at)
        return KeysValues(keys, self._split(self.value(x), grid))

    def attend(
        self,
        x: Array,
        at: Rotation | None,
        parts: Sequence[tuple[KeysValues, Array]],
        grid: Grid | None = None,
    ) -> Array:
        """Attend to all parts of the text with one softmax.

        Args:
            x: (P, G, Q, D) states that ask, or the list (N, D) of a grid's.
            at: rotation to their positions, (P, 1, 1, Q, D/H/2) each, or None.
            parts: keys and values of each part, and which of them are visible: bool,
                broadcastable to (P, 1, G, Q, L).
            grid: of shape (P, G, Q), when x is a list.

        Returns:
            Outputs in the shape of x.
        """
        scale = (self.width // self.heads) ** -0.5
        query = self._joined(_turned(self._split(self.query(x), grid), at) * scale)
        scores = []
        for part, visible in parts:
            products = _shared_matmul(query, ops.transpose(part.keys, (0, 1, 2, 4, 3)))
            visible = self._for_each_head(visible)
            scores.append(ops.where(visible, at_least_float32(products), -1e9))
        weights = ops.softmax(ops.concatenate(scores, axis=-1), axis=-1)
        weights = ops.cast(weights, query.dtype)
        mixed, start = 0.0, 0
        for part, _ in parts:
            end = start + ops.shape(part.values)[3]
            mixed = mixed + _shared_matmul(weights[..., start:end], part.values)
            start = end
        mixed = self._merge(mixed)
        mixed = mixed if grid is None else grid.collect(mixed)
        return self.output_projection(mixed)

    def _for_each_head(self, visible: Array) -> Array:
        """Repeat a mask over queries for the R heads that ask as one."""
        if self._repeats == 1 or visible.shape[-2] == 1:
            return visible
        return ops.concatenate([visible] * self._repeats, axis=-2)

    def step(
        self,
        x: Array,
        at: Rotation | None,
        time: Array,
        past: KeysValues,
        prompt: KeysValues,
        seen: Array,
        grid: Grid,
    ) -> tuple[Array, KeysValues]:
        """Attend from the newest token of some texts to prompt and past.

        Args:
            x: (N, D) states of the tokens.
            at: rotation to their positions, (N, 1, D/H/2) each, or None.
            time: int32 scalar, number of tokens in the past.
            past: of the texts, (N, K, T, D/H); what is not yet reached holds zeros.
            prompt: (P, K, 1, S, D/H).
            seen: (N, 1, S) bool, True = a token of the text's own prompt.
            grid: of shape (P, G), the texts.

        Returns:
            (N, D) outputs, and the past with these tokens.
        """
        shape = (-1, self.key_value_heads, self._repeats, self.width // self.heads)
        query, key, value = (
            ops.reshape(part(x), (-1, heads, shape[-1]))
            for part, heads in (
                (self.query, self.heads),
                (self.key, self.key_value_heads),
                (self.value, self.key_value_heads),
            )
        )
        zero = ops.zeros_like(time)  # all indices of one type
        new = (_turned(key, at), value)
        past = KeysValues(
            *(
                ops.slice_update(
                    old, (zero, zero, time, zero), ops.cast(now, old.dtype)[:, :, None]
                )
                for old, now in zip(past, new, strict=True)
            )
        )
        query = _turned(query, at) * shape[-1] ** -0.5
        query = ops.reshape(query, shape)  # (N, K, R, D/H)
        keys = ops.transpose(prompt.keys[:, :, 0], (0, 1, 3, 2))
        said = at_least_float32(_of_prompt(query, keys, grid))  # (N, K, R, S)
        own = ops.matmul(past.keys, ops.transpose(query, (0, 1, 3, 2)))
        own = at_least_float32(ops.transpose(own, (0, 1, 3, 2)))  # (N, K, R, T)
        reached = ops.arange(past.keys.shape[2]) <= time
        scores = [ops.where(seen[:, None], said, -1e9), ops.where(reached, own, -1e9)]
        weights = ops.softmax(ops.concatenate(scores, axis=-1), axis=-1)
        weights = ops.cast(weights, query.dtype)
        size = seen.shape[-1]
        mixed = _of_prompt(weights[..., :size], prompt.values[:, :, 0], grid)
        mixed += ops.matmul(weights[..., size:], past.values)
        return self.output_projection(ops.reshape(mixed, ops.shape(x))), past

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        heads = {"heads": self.heads, "key_value_heads": self.key_value_heads}
        settings = {"width": self.width, **heads, "bias": self.bias}
        return {**super().get_config(), **settings}
