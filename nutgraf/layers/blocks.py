"""Encoder and decoder blocks in the pre-norm layout.

x + f(norm(x)) for each part f, as in Xiong et al. 2020, "On Layer Normalization in the
Transformer Architecture", arXiv 2002.04745, and in Pegasus. The epsilon of LayerNorm is
1e-5.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from nutgraf.layers.attention import Attention
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.feed_forward import FeedForward
from nutgraf.layers.packing import Grid
from nutgraf.layers.rotary import Rotation

__all__ = ["DecoderBlock", "DecoderCache", "EncoderBlock", "layer_norm"]

Array = Any


class DecoderCache(NamedTuple):
    """Keys and values of the actions so far.

    Attributes:
        keys: (B, H, T, D/H); positions not yet reached hold zeros.
        values: (B, H, T, D/H).
    """

    keys: Array
    values: Array


def layer_norm(name: str, dtype: Any) -> keras.layers.LayerNormalization:
    """Make a LayerNorm with epsilon 1e-5 (Keras' default is 1e-3).

    Args:
        name: name of the layer.
        dtype: dtype policy.

    Returns:
        The layer.
    """
    return keras.layers.LayerNormalization(epsilon=1e-5, name=name, dtype=dtype)


class EncoderBlock(keras.layers.Layer):
    """Self-attention, then feed-forward, each with its own norm and residual.

    Args:
        width: int, size of the states.
        heads: int, attention heads.
        hidden: int, feed-forward size.
    """

    def __init__(self, width: int, heads: int, hidden: int, **kwargs: Any) -> None:
        """Create the parts."""
        super().__init__(**kwargs)
        self.settings = {"width": width, "heads": heads, "hidden": hidden}
        policy = self.dtype_policy
        self.attention = Attention(width, heads, name="self_attention", dtype=policy)
        self.attention_norm = layer_norm("self_attention_norm", policy)
        self.feed_forward = FeedForward(
            width, hidden, name="feed_forward", dtype=policy
        )
        self.feed_forward_norm = layer_norm("feed_forward_norm", policy)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        states = (None, None, self.settings["width"])
        for part in (self.attention, self.feed_forward):
            part.build(states)
        for norm in (self.attention_norm, self.feed_forward_norm):
            norm.build(states)
        self.built = True

    def call(
        self, x: Array, visible: Array, dropout: Dropout, at: Rotation | None = None
    ) -> Array:
        """Transform (B, S, D) states; `visible` (B, 1, S) bool."""
        x = x + dropout(self.attention(self.attention_norm(x), visible=visible, at=at))
        return x + dropout(self.feed_forward(self.feed_forward_norm(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self.settings}


class DecoderBlock(keras.layers.Layer):
    """Causal self-attention, attention to the source, feed-forward.

    The G samples of a prompt ask its source as one longer query, so the source's keys
    and values are neither repeated nor computed again.

    Args:
        width: int, size of the states.
        heads: int, attention heads.
        hidden: int, feed-forward size.
    """

    def __init__(self, width: int, heads: int, hidden: int, **kwargs: Any) -> None:
        """Create the parts."""
        super().__init__(**kwargs)
        self.settings = {"width": width, "heads": heads, "hidden": hidden}
        policy = self.dtype_policy
        self.attention = Attention(width, heads, name="self_attention", dtype=policy)
        self.attention_norm = layer_norm("self_attention_norm", policy)
        self.cross = Attention(width, heads, name="cross_attention", dtype=policy)
        self.cross_norm = layer_norm("cross_attention_norm", policy)
        self.feed_forward = FeedForward(
            width, hidden, name="feed_forward", dtype=policy
        )
        self.feed_forward_norm = layer_norm("feed_forward_norm", policy)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        states = (None, None, self.settings["width"])
        for part in (self.attention, self.cross, self.feed_forward):
            part.build(states)
        for norm in (self.attention_norm, self.cross_norm, self.feed_forward_norm):
            norm.build(states)
        self.built = True

    def _rest(
        self,
        x: Array,
        source: tuple[Array, Array],
        mask: Array,
        grid: Grid,
        dropout: Dropout,
    ) -> tuple[Array, Array]:
        """Attend to the source and feed forward; x (N, D), source (P, H, S, ·)."""
        prompts = ops.shape(source[0])[0]
        rows, length = grid.shape  # the samples of a prompt become one query
        joined = Grid((prompts, rows // prompts * length), grid.packing)
        asked = self.cross_norm(x)
        answer, weights = self.cross.attend(asked, *source, mask, joined)
        x = x + dropout(answer)
        return x + dropout(self.feed_forward(self.feed_forward_norm(x))), weights

    def call(
        self,
        x: Array,
        source: tuple[Array, Array],
        visible: Array,
        causal: Array,
        grid: Grid,
        dropout: Dropout,
        at: Rotation | None = None,
    ) -> tuple[Array, Array]:
        """Transform whole texts.

        Args:
            x: (N, D) states of the grid's tokens.
            source: keys and values of the source, each (P, H, S, D/H).
            visible: (P, 1, S) bool, True = a source token.
            causal: (1, T, T) bool.
            grid: of shape (P·G, T), the samples of a prompt side by side.
            dropout: the dropout of this pass.
            at: rotation to the positions of the texts, (T, D/H/2); None turns nothing.

        Returns:
            (N, D) states and (P, H, G·T, S) float32 weights on the source.
        """
        normed = self.attention_norm(x)
        own = self.attention.keys_values(normed, grid, at)
        x = x + dropout(self.attention.attend(normed, *own, causal, grid, at)[0])
        return self._rest(x, source, visible, grid, dropout)

    def step(
        self,
        x: Array,
        cache: DecoderCache,
        time: Array,
        source: tuple[Array, Array],
        mask: Array,
        grid: Grid,
        at: Rotation | None = None,
    ) -> tuple[Array, DecoderCache]:
        """Transform one position and append it to the cache.

        Args:
            x: (N, D) states at position `time`.
            cache: of the positions before.
            time: int32 scalar.
            source: keys and values of the source, each (P, H, S, D/H).
            mask: (P, 1, S) bool.
            grid: of shape (P, G), the texts.
            at: rotation to position `time`, (D/H/2,); None turns nothing.

        Returns:
            (N, D) states and the longer cache.
        """
        alone = Grid((cache.keys.shape[0], 1))
        normed = self.attention_norm(x)
        keys, values = self.attention.keys_values(normed, alone, at)  # (N, H, 1, D/H)
        zero = ops.zeros_like(time)  # all indices of one type
        start = (zero, zero, time, zero)
        cache = DecoderCache(
            ops.slice_update(cache.keys, start, keys),
            ops.slice_update(cache.values, start, values),
        )
        reached = ops.arange(cache.keys.shape[2]) <= time
        visible = reached[None, None, :]
        own, _ = self.attention.attend(normed, *cache, visible, alone, at)
        return self._rest(x + own, source, mask, grid, Dropout(0.0, None))[0], cache

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self.settings}
