"""The gated feed-forward network of Llama.

(silu(x Wg) * (x We)) Wr, Shazeer 2020, "GLU Variants Improve Transformer", arXiv
2002.05202, eq. 6: the feed-forward network with a second, multiplicative branch.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["SwiGLU"]

Array = Any


class SwiGLU(keras.layers.Layer):
    """Three dense layers without biases: gate, expand, reduce.

    Args:
        width: int, size of inputs and outputs.
        hidden: int, size between the layers; with 2/3 of it this network has as many
            weights as `FeedForward`.

    Reference: Shazeer 2020, arXiv 2002.05202, eq. 6.
    """

    def __init__(self, width: int, hidden: int, **kwargs: Any) -> None:
        """Create the three layers."""
        super().__init__(**kwargs)
        self.width = width
        self.hidden = hidden

        def dense(size: int, name: str) -> keras.layers.Dense:
            return keras.layers.Dense(
                size, use_bias=False, name=name, dtype=self.dtype_policy
            )

        self.gate = dense(hidden, "gate")
        self.expand = dense(hidden, "expand")
        self.reduce = dense(width, "reduce")

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        self.gate.build((None, None, self.width))
        self.expand.build((None, None, self.width))
        self.reduce.build((None, None, self.hidden))
        self.built = True

    def call(self, x: Array) -> Array:
        """Apply to (..., D) states."""
        return self.reduce(ops.silu(self.gate(x)) * self.expand(x))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "width": self.width, "hidden": self.hidden}
