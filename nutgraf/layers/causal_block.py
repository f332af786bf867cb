"""The block of decoder-only models: attention to the past, then feed-forward.

x + f(norm(x)) for each part f, in two kinds.

- "llama" (Touvron et al. 2023, section 2.2, arXiv 2302.13971): RMSNorm, SwiGLU, no
  biases; positions come as rotations. RMSNorm (Zhang and Sennrich 2019, arXiv
  1910.07467, eq. 4) divides by the root of the mean square and subtracts nothing.
- "gpt2" (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
  section 2.3): LayerNorm, GELU, biases; positions are in the states already.

The epsilon of either norm is 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from nutgraf.layers.blocks import layer_norm
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.feed_forward import FeedForward
from nutgraf.layers.packing import Grid
from nutgraf.layers.rotary import Rotation
from nutgraf.layers.rotary_attention import KeysValues, RotaryAttention
from nutgraf.layers.swiglu import SwiGLU

__all__ = ["CausalBlock", "block_norm"]

Array = Any


def block_norm(kind: str, name: str, dtype: Any) -> keras.layers.Layer:
    """Make the norm of a kind of block, with epsilon 1e-5.

    Args:
        kind: "llama" or "gpt2".
        name: name of the layer.
        dtype: dtype policy.

    Returns:
        An RMSNorm (Keras' default epsilon is 1e-6), or a LayerNorm.
    """
    if kind == "gpt2":
        return layer_norm(name, dtype)
    return keras.layers.RMSNormalization(epsilon=1e-5, name=name, dtype=dtype)


class CausalBlock(keras.layers.Layer):
    """Causal self-attention and feed-forward, each with its own norm and residual.

    One block reads prompts (`read`), whole samples that follow a prompt (`read` with
    `prompt`) and samples one action at a time (`step`). Where there are no rotations,
    these are None.

    Args:
        width: int, size of the states.
        heads: int, attention heads.
        hidden: int, feed-forward size.
        key_value_heads: int, heads of keys and values; 0 = as many as `heads`.
        kind: "llama" or "gpt2".
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        key_value_heads: int = 0,
        kind: str = "llama",
        **kwargs: Any,
    ) -> None:
        """Create the parts."""
        super().__init__(**kwargs)
        sizes = {"width": width, "heads": heads, "hidden": hidden}
        shared = {"key_value_heads": key_value_heads, "kind": kind}
        self.settings: dict[str, Any] = {**sizes, **shared}
        dtype = self.dtype_policy
        classic = kind == "gpt2"
        self.attention = RotaryAttention(
            width,
            heads,
            key_value_heads,
            bias=classic,
            name="self_attention",
            dtype=dtype,
        )
        self.attention_norm = block_norm(kind, "self_attention_norm", dtype)
        named = {"name": "feed_forward", "dtype": dtype}
        self.feed_forward = (
            FeedForward(width, hidden, "gelu-tanh", **named)
            if classic
            else SwiGLU(width, hidden, **named)
        )
        self.feed_forward_norm = block_norm(kind, "feed_forward_norm", dtype)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        states = (None, None, self.settings["width"])
        parts = (self.attention, self.feed_forward)
        for part in (*parts, self.attention_norm, self.feed_forward_norm):
            part.build(states)
        self.built = True

    def keys_values(self, x: Array, at: Rotation | None) -> KeysValues:
        """Return what later positions see of these.

        Args:
            x: (P, G, L, D) states.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each, or None.

        Returns:
            Keys and values.
        """
        return self.attention.keys_values(self.attention_norm(x), at)

    def read(
        self,
        x: Array,
        at: Rotation | None,
        visible: Array,
        dropout: Dropout,
        prompt: Sequence[tuple[KeysValues, Array]] = (),
        grid: Grid | None = None,
    ) -> tuple[Array, KeysValues]:
        """Transform whole texts.

        Args:
            x: (P, G, L, D) states, or the list (N, D) of a grid's.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each, or None.
            visible: bool, broadcastable to (P, 1, G, L, L): causal.
            dropout: the dropout of this pass.
            prompt: what came before, with what is visible of it.
            grid: of shape (P, G, L), when x is a list.

        Returns:
            States in the shape of x, and the keys and values of the texts.
        """
        normed = self.attention_norm(x)
        own = self.attention.keys_values(normed, at, grid)
        parts = [*prompt, (own, visible)]
        answer = self.attention.attend(normed, at, parts, grid)
        return self._rest(x + dropout(answer), dropout), own

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
        """Transform the newest token of some texts and append it to their past.

        Args:
            x: (N, D) states.
            at: rotation to their positions, (N, 1, D/H/2) each, or None.
            time: int32 scalar, number of tokens in the past.
            past: of the texts, (N, K, T, D/H).
            prompt: (P, K, 1, S, D/H).
            seen: (N, 1, S) bool, True = a token of the text's own prompt.
            grid: of shape (P, G), the texts.

        Returns:
            (N, D) states and the longer past.
        """
        normed = self.attention_norm(x)
        answer, past = self.attention.step(normed, at, time, past, prompt, seen, grid)
        return self._rest(x + answer, Dropout(0.0, None)), past

    def _rest(self, x: Array, dropout: Dropout) -> Array:
        return x + dropout(self.feed_forward(self.feed_forward_norm(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self.settings}
