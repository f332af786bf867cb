"""The block of Llama: attention, then gated feed-forward, each after an RMSNorm.

x + f(norm(x)) for each part f, no biases; Touvron et al. 2023, "LLaMA", section 2.2,
arXiv 2302.13971. RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467, eq. 4) divides by
the root of the mean square and subtracts nothing; its epsilon is 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid
from nutgraf.layers.rotary import Rotation
from nutgraf.layers.rotary_attention import KeysValues, RotaryAttention
from nutgraf.layers.swiglu import SwiGLU

__all__ = ["LlamaBlock", "rms_norm"]

Array = Any


def rms_norm(name: str, dtype: Any) -> keras.layers.RMSNormalization:
    """Make an RMSNorm with epsilon 1e-5 (Keras' default is 1e-6).

    Args:
        name: name of the layer.
        dtype: dtype policy.

    Returns:
        The layer.
    """
    return keras.layers.RMSNormalization(epsilon=1e-5, name=name, dtype=dtype)


class LlamaBlock(keras.layers.Layer):
    """Causal self-attention and SwiGLU, each with its own norm and residual.

    One block reads prompts (`read`), whole samples that follow a prompt (`read` with
    `prompt`) and samples one action at a time (`step`).

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
        self.attention = RotaryAttention(
            width, heads, name="self_attention", dtype=policy
        )
        self.attention_norm = rms_norm("self_attention_norm", policy)
        self.feed_forward = SwiGLU(width, hidden, name="feed_forward", dtype=policy)
        self.feed_forward_norm = rms_norm("feed_forward_norm", policy)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        states = (None, None, self.settings["width"])
        parts = (self.attention, self.feed_forward)
        for part in (*parts, self.attention_norm, self.feed_forward_norm):
            part.build(states)
        self.built = True

    def keys_values(self, x: Array, at: Rotation) -> KeysValues:
        """Return what later positions see of these.

        Args:
            x: (P, G, L, D) states.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each.

        Returns:
            Keys and values.
        """
        return self.attention.keys_values(self.attention_norm(x), at)

    def read(
        self,
        x: Array,
        at: Rotation,
        visible: Array,
        dropout: Dropout,
        prompt: Sequence[tuple[KeysValues, Array]] = (),
        grid: Grid | None = None,
    ) -> tuple[Array, KeysValues]:
        """Transform whole texts.

        Args:
            x: (P, G, L, D) states, or the list (N, D) of a grid's.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each.
            visible: bool, broadcastable to (P, H, G, L, L): causal.
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
        at: Rotation,
        time: Array,
        past: KeysValues,
        prompt: KeysValues,
        seen: Array,
        grid: Grid,
    ) -> tuple[Array, KeysValues]:
        """Transform the newest token of some texts and append it to their past.

        Args:
            x: (N, D) states.
            at: rotation to their positions, (N, 1, D/H/2) each.
            time: int32 scalar, number of tokens in the past.
            past: of the texts, (N, H, T, D/H).
            prompt: (P, H, 1, S, D/H).
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
