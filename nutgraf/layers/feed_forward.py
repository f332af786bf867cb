"""The position-wise feed-forward network.

relu(x W1 + b1) W2 + b2, Vaswani et al. 2017, section 3.3, arXiv 1706.03762; or with
x Φ(x) in place of the rectifier, Φ of the standard normal distribution: GELU, Hendrycks
and Gimpel 2016, arXiv 1606.08415.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = ["FeedForward"]

Array = Any

_ACTIVATIONS = {
    "relu": ops.relu,
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu-tanh": lambda x: ops.gelu(x, approximate=True),
}


class FeedForward(keras.layers.Layer):
    """Two dense layers with a non-linearity between them, applied to each position.

    Args:
        width: int, size of inputs and outputs.
        hidden: int, size between the layers.
        activation: "relu", "gelu" (exact) or "gelu-tanh" (its approximation by tanh).

    Reference: Vaswani et al. 2017, arXiv 1706.03762, eq. 2.
    """

    def __init__(
        self, width: int, hidden: int, activation: str = "relu", **kwargs: Any
    ) -> None:
        """Create the two layers."""
        super().__init__(**kwargs)
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(_ACTIVATIONS)}. Received: "
                f"activation={activation!r}. Leave it out for relu."
            )
        self.width = width
        self.hidden = hidden
        self.activation = activation
        self.expand = keras.layers.Dense(hidden, name="expand", dtype=self.dtype_policy)
        self.reduce = keras.layers.Dense(width, name="reduce", dtype=self.dtype_policy)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        self.expand.build((None, None, self.width))
        self.reduce.build((None, None, self.hidden))
        self.built = True

    def call(self, x: Array) -> Array:
        """Apply to (B, L, D) states."""
        return self.reduce(_ACTIVATIONS[self.activation](self.expand(x)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        sizes = {"width": self.width, "hidden": self.hidden}
        return {**super().get_config(), **sizes, "activation": self.activation}
