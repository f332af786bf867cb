"""What dense search needs of a model: texts in, vectors out.

`nutgraf.search.dense.load_bi_encoder` gives the sentence embedding of a BERT; anything
else with these attributes will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

__all__ = ["Embedder"]


class Embedder(Protocol):
    """A model that gives each text a vector."""

    @property
    def name(self) -> str:
        """What changes when the vectors do; kept in the index."""

    @property
    def window(self) -> int:
        """Longest text in tokens; what is longer is cut."""

    def tokens(self, text: str) -> int:
        """Return how many tokens a text has, before it is cut.

        Args:
            text: any text.

        Returns:
            The number, special tokens included.
        """

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32 vectors of length 1 of N texts."""
