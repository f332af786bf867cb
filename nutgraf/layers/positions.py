"""Where a token stands in its text: sinusoidal, learned or rotary positions.

Sinusoidal: Vaswani et al. 2017, "Attention Is All You Need", section 3.5, arXiv
1706.03762; the order of the columns is that of Pegasus (all sines, then all cosines),
which changes no model, only the order of its weights. Learned: Gehring et al. 2017,
"Convolutional Sequence to Sequence Learning", section 3.1, arXiv 1705.03122. Rotary:
see `rotary.py`.
"""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np

from nutgraf.errors import ConfigError
from nutgraf.layers.rotary import Rotation, rotation

__all__ = ["Positions", "sinusoidal_positions"]

Array = Any


def sinusoidal_positions(length: int, width: int) -> np.ndarray:
    """Return the table of position vectors.

    Args:
        length: int >= 1, number of positions.
        width: even int, size of each vector.

    Returns:
        (length, width) float32; row p holds sin(p / 10000**(2i/width)) for i in
        0..width/2-1, then the cosines.

    Raises:
        ValueError: width is odd.

    Example:
        >>> print(sinusoidal_positions(2, 4).round(2))
        [[0.   0.   1.   1.  ]
         [0.84 0.01 0.54 1.  ]]
    """
    if width % 2:
        raise ValueError(
            f"width must be even. Received: width={width}. Use {width + 1}."
        )
    rates = 10000.0 ** (-2.0 * np.arange(width // 2) / width)
    angles = np.arange(length)[:, None] * rates[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype("float32")


_fixed = functools.lru_cache(maxsize=16)(sinusoidal_positions)


class Positions(keras.layers.Layer):
    """The positions of one side of a model: vectors to add, or a rotation.

    Args:
        kind: "sinusoidal" (computed for any length), "learned" (a trained table) or
            "rotary".
        longest: int >= 1, positions of a trained table.
        width: even int, D.
        heads: int, attention heads; D / heads is even for "rotary".
    """

    def __init__(
        self, kind: str, longest: int, width: int, heads: int, **kwargs: Any
    ) -> None:
        """Keep the arguments."""
        super().__init__(**kwargs)
        self.kind = kind
        self.longest = longest
        self.width = width
        self.heads = heads

    def build(self, input_shape: Any = None) -> None:
        """Create the trained table, if there is one."""
        if self.kind == "learned":
            self.embeddings = self.add_weight(
                name="embeddings",
                shape=(self.longest, self.width),
                initializer=keras.initializers.RandomNormal(stddev=self.width**-0.5),
            )
        self.built = True

    def table(self, length: int) -> Array | None:
        """Return the vectors that are added to the embeddings of a text.

        Args:
            length: L.

        Returns:
            (L, D); None for rotary positions, where nothing is added.

        Raises:
            ConfigError: a trained table is shorter.
        """
        if self.kind == "rotary":
            return None
        if self.kind == "sinusoidal":
            return _fixed(length, self.width)
        if length > self.longest:
            raise ConfigError(
                f"A text of a model with learned positions has at most {self.longest} "
                f"tokens here ({self.name}). Received: {length} tokens. Cut it, or "
                "train a model with a longer limit."
            )
        return self.embeddings[:length]

    def rotation(self, positions: Array) -> Rotation | None:
        """Return the rotation of queries and keys.

        Args:
            positions: (...) int32, >= 0.

        Returns:
            (..., D / heads / 2) float32, float64 where the model is; None where
            vectors are added.
        """
        if self.kind != "rotary":
            return None
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        return rotation(positions, self.width // self.heads, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("kind", "longest", "width", "heads")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
