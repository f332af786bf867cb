"""A ranker that reads query and document together: a BERT over the pair, one score.

score = what the search said (`first_stage.py`) + h · mean of the states of the pair

The words of the query see those of the document in every layer, which no vector made
beforehand can offer; so it is slow, and ranks only what a search has found. It starts
as a weighted sum of what the search said (h is 0), so that few judgements do no harm.

Reference: Nogueira and Cho 2019, "Passage Re-ranking with BERT", arXiv 1901.04085;
Askari et al. 2023, "Injecting the BM25 Score as Text Improves BERT-Based Re-rankers",
arXiv 2301.09728 (the score of the search as an input).

Differences from the paper:

1. The mean of all states, not that of `[CLS]`: sentence encoders are trained by it.
2. What the search said is added to the score.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.backend import jit, with_values
from nutgraf.errors import ConfigError
from nutgraf.layers.dropout import Dropout
from nutgraf.models.bert import Bert
from nutgraf.models.bert_inputs import bert_batch, joined_texts, padded_length
from nutgraf.models.embedding import pool
from nutgraf.search.first_stage import START, first_stage_arrays, first_stage_scores
from nutgraf.search.ranker_folder import rank_in_chunks, save_ranker
from nutgraf.search.searcher import Candidates
from nutgraf.text.bert_tokenizer import BertTokenizer

__all__ = ["CROSS_ENCODER", "CrossEncoder"]

Array = Any
CROSS_ENCODER = "search-cross-encoder"
"""Kind of its model folder."""
_NAMES = ("ids", "token_mask", "segments")
_CHUNK = 2
"""Queries whose candidates are read at once."""


class CrossEncoder:
    """The ranker; see the top of this file.

    Args:
        bert: reads the pairs; its weights are shared, not copied.
        tokenizer: of the BERT.
        max_length: longest pair in tokens, at most what the BERT reads; the longer of
            the two is cut, mostly the document.

    Attributes:
        query_window: tokens of a query that are read however long the document is.
        variables: those of the BERT, then the weights of what the search said, (4,),
            and the head, (D,).

    Raises:
        ConfigError: `max_length` is out of range.
    """

    def __init__(
        self, bert: Bert, tokenizer: BertTokenizer, max_length: int = 128
    ) -> None:
        """Add the head."""
        if not 5 <= max_length <= bert.config.max_length:
            raise ConfigError(
                f"max_length must be in [5, {bert.config.max_length}], what this BERT "
                f"reads. Received: max_length={max_length}. Leave it out for 128."
            )
        self.bert = bert
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.query_window = (max_length - 2) // 2  # half of what [CLS], [SEP] leave
        head = {"weights": START, "head": np.zeros(bert.config.width, "float32")}
        with keras.name_scope("cross_encoder"):
            own = [keras.Variable(array, name=name) for name, array in head.items()]
        self.variables: list[Any] = [*bert.trainable_variables, *own]
        self._scores = jit(lambda values, arrays: self.scores(values, arrays))

    def tokens(self, text: str) -> int:
        """Return how many tokens a query has.

        Args:
            text: any text.

        Returns:
            The number, without special tokens.
        """
        return len(self.tokenizer.encode(text))

    def arrays(self, rows: Sequence[Candidates], width: int) -> dict[str, np.ndarray]:
        """See `TrainableRanker.arrays`."""
        first, second = [], []
        for row in rows:
            texts = [document.content for document in row.documents]
            texts += [""] * (width - len(texts))
            first += [row.query] * width
            second += texts
        pairs = joined_texts(self.tokenizer, first, second, self.max_length)
        longest = max(len(pair.ids) for pair in pairs)
        batch = bert_batch(pairs, padded_length(longest, self.max_length))
        shaped = {
            name: array.reshape(len(rows), width, -1)
            for name, array in zip(_NAMES, batch, strict=True)
        }
        return {**first_stage_arrays(rows, width), **shaped}

    def scores(
        self,
        values: list[Array],
        arrays: dict[str, Array],
        dropout: Dropout | None = None,
    ) -> Array:
        """See `TrainableRanker.scores`."""
        *body, weights, head = values
        rows, width, length = ops.shape(arrays[_NAMES[0]])
        ids, mask, segments = (
            ops.reshape(arrays[name], (rows * width, length)) for name in _NAMES
        )
        with with_values(self.variables[:-2], body):
            states = self.bert.encode(ids, mask, segments, dropout)
        said = ops.matmul(pool(states, mask), head[:, None])
        said = ops.reshape(said, (rows, width))
        return first_stage_scores(weights, arrays) + said

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
        sizes = dataclasses.asdict(self.bert.config)
        settings = {"bert": sizes, "max_length": self.max_length}
        save_ranker(
            folder,
            CROSS_ENCODER,
            settings,
            self.variables,
            values,
            lambda part: self.tokenizer.save(part),
        )
