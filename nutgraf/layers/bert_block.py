"""The block of BERT: norm(x + f(x)) for attention, then for feed-forward.

The post-norm layout of Vaswani et al. 2017, arXiv 1706.03762, with exact GELU, as in
Devlin et al. 2019, arXiv 1810.04805. The epsilon of LayerNorm is 1e-12 there.
"""

from __future__ import annotations

from typing import Any

import keras

from nutgraf.layers.attention import Attention
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.feed_forward import FeedForward

__all__ = ["BertBlock"]

Array = Any


class BertBlock(keras.layers.Layer):
    """Self-attention and feed-forward, each followed by residual and LayerNorm.

    Args:
        width: int, size of the states.
        heads: int, attention heads.
        hidden: int, feed-forward size.
        epsilon: float > 0, added to the variance in LayerNorm.
    """

    def __init__(
        self, width: int, heads: int, hidden: int, epsilon: float, **kwargs: Any
    ) -> None:
        """Create the parts."""
        super().__init__(**kwargs)
        self.settings = {
            "width": width,
            "heads": heads,
            "hidden": hidden,
            "epsilon": epsilon,
        }
        policy = self.dtype_policy
        self.attention = Attention(width, heads, name="self_attention", dtype=policy)
        self.feed_forward = FeedForward(
            width, hidden, "gelu", name="feed_forward", dtype=policy
        )
        self.attention_norm, self.feed_forward_norm = (
            keras.layers.LayerNormalization(epsilon=epsilon, name=name, dtype=policy)
            for name in ("self_attention_norm", "feed_forward_norm")
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        states = (None, None, self.settings["width"])
        parts = (self.attention, self.feed_forward)
        for part in (*parts, self.attention_norm, self.feed_forward_norm):
            part.build(states)
        self.built = True

    def call(self, x: Array, visible: Array, dropout: Dropout) -> Array:
        """Transform (B, S, D) states; `visible` (B, 1 or S, S) bool."""
        x = self.attention_norm(x + dropout(self.attention(x, visible=visible)))
        return self.feed_forward_norm(x + dropout(self.feed_forward(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self.settings}
