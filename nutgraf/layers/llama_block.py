"""The block of Llama: attention, then gated feed-forward, each after an RMSNorm.

x + f(norm(x)) for each part f, no biases; Touvron et al. 2023, "LLaMA", section 2.2,
arXiv 2302.13971. RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467, eq. 4) divides by
the root of the mean square and subtracts nothing; its epsilon is 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from nutgraf.layers.dropout import Dropout
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
    ) -> tuple[Array, KeysValues]:
        """Transform whole texts.

        Args:
            x: (P, G, L, D) states.
            at: rotation to their positions, (P, 1, 1, L, D/H/2) each.
            visible: bool, broadcastable to (P, H, G, L, L): causal.
            dropout: the dropout of this pass.
            prompt: what came before, with what is visible of it.

        Returns:
            (P, G, L, D) states, and the keys and values of the texts.
        """
        normed = self.attention_norm(x)
        own = self.attention.keys_values(normed, at)
        answer = self.attention.attend(normed, at, [*prompt, (own, visible)])
        return self._rest(x + dropout(answer), dropout), own

    def step(
        self,
        x: Array,
        at: Rotation,
        cache: KeysValues,
        time: Array,
        prompt: Sequence[tuple[KeysValues, Array]],
    ) -> tuple[Array, KeysValues]:
        """Transform one position and append it to the cache.

        Args:
            x: (P, G, 1, D) states of action `time`.
            at: rotation to their positions, (P, 1, 1, 1, D/H/2) each.
            cache: of the actions before; what is not yet reached holds zeros.
            time: int32 scalar.
            prompt: what came before, with what is visible of it.

        Returns:
            (P, G, 1, D) states and the longer cache.
        """
        normed = self.attention_norm(x)
        new = self.attention.keys_values(normed, at)  # (P, H, G, 1, D/H)
        zero = ops.zeros_like(time)  # all indices of one type
        start = (zero, zero, zero, time, zero)
        cache = KeysValues(
            *(
                ops.slice_update(past, start, ops.cast(now, past.dtype))
                for past, now in zip(cache, new, strict=True)
            )
        )
        reached = ops.arange(cache.keys.shape[3]) <= time
        answer = self.attention.attend(normed, at, [*prompt, (cache, reached)])
        return self._rest(x + answer, Dropout(0.0, None)), cache

    def _rest(self, x: Array, dropout: Dropout) -> Array:
        return x + dropout(self.feed_forward(self.feed_forward_norm(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self.settings}
