"""A small ranker over vectors that stay as they are.

score = what the search said (`first_stage.py`) + (U q) · (V d) / 10

q and d are the vectors that dense search has anyway, so ranking costs no reading of
texts. It starts as a weighted sum of what the search said (U is 0) and learns the
weights and a product of low rank, as LoRA does: what this collection's queries look
for. The tenth lets the weights move ten times as fast.

Reference: Hu et al. 2021, "LoRA", arXiv 2106.09685 (the low rank that starts at 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.backend import jit
from nutgraf.errors import ConfigError
from nutgraf.layers.dropout import Dropout
from nutgraf.search.first_stage import (
    START,
    first_stage_arrays,
    first_stage_scores,
    padded,
)
from nutgraf.search.ranker_folder import rank_in_chunks, save_ranker
from nutgraf.search.searcher import Candidates

__all__ = ["RESCORER", "Rescorer"]

Array = Any
RESCORER = "search-rescorer"
"""Kind of its model folder."""
_SCALE = 0.1
_CHUNK = 16
"""Queries that are ranked at once."""


class Rescorer:
    """The ranker; see the top of this file.

    Args:
        width: D, of the vectors.
        embedder: name of the model of the vectors.
        rank: of the learned product.
        seed: of its weights.

    Attributes:
        variables: the weights of what the search said, (4,); U and V, (D, rank).

    Raises:
        ConfigError: candidates come without vectors, or with those of another model.
    """

    def __init__(
        self, width: int, embedder: str, rank: int = 16, seed: int = 0
    ) -> None:
        """Create the weights."""
        self.settings = {"width": width, "embedder": embedder, "rank": rank}
        random = np.random.default_rng(seed)
        start = random.normal(0.0, width**-0.5, (width, rank)).astype("float32")
        arrays = {
            "weights": START,
            "query": np.zeros((width, rank), "float32"),
            "document": start,
        }
        with keras.name_scope("rescorer"):
            self.variables: list[Any] = [
                keras.Variable(array, name=name) for name, array in arrays.items()
            ]
        self._scores = jit(lambda values, arrays: self.scores(values, arrays))

    def arrays(self, rows: Sequence[Candidates], width: int) -> dict[str, np.ndarray]:
        """See `TrainableRanker.arrays`."""
        asked, own = [], []
        for row in rows:
            if row.vectors is None or row.query_vector is None:
                raise ConfigError(
                    "A rescorer needs an index with vectors. Received: one without. "
                    "Build the index again with --dense minilm."
                )
            if row.embedder != self.settings["embedder"]:
                raise ConfigError(
                    "A rescorer needs the vectors that it was trained on, of the model "
                    f"{self.settings['embedder']}. Received: those of {row.embedder}. "
                    "Train it on this index."
                )
            asked.append(row.query_vector)
            own.append(row.vectors)
        return {
            **first_stage_arrays(rows, width),
            "query": np.stack(asked),
            "documents": padded(own, width),
        }

    def scores(
        self,
        values: list[Array],
        arrays: dict[str, Array],
        dropout: Dropout | None = None,
    ) -> Array:
        """See `TrainableRanker.scores`."""
        weights, left, right = values
        query = ops.matmul(arrays["query"], left)  # (P, R)
        documents = ops.matmul(arrays["documents"], right)  # (P, C, R)
        drop = dropout or Dropout(0.0, None)
        product = ops.sum(drop(query)[:, None, :] * documents, axis=-1)
        return first_stage_scores(weights, arrays) + _SCALE * product

    def rank_with(
        self, values: list[Array], rows: Sequence[Candidates]
    ) -> list[np.ndarray]:
        """See `TrainableRanker.rank_with`."""
        return rank_in_chunks(self, self._scores, values, rows, _CHUNK)

    def rank(self, rows: Sequence[Candidates]) -> list[np.ndarray]:
        """See `Ranker.rank`."""
        return self.rank_with([one.value for one in self.variables], rows)

    def save(self, folder: Path, values: list[np.ndarray]) -> None:
        """See `Trainable.save`."""
        save_ranker(folder, RESCORER, self.settings, self.variables, values)
