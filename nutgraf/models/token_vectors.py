"""Texts as the vectors of their tokens in context, for matching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from nutgraf.backend import jit, to_numpy, with_values
from nutgraf.errors import ConfigError
from nutgraf.layers.precision import at_least_float32
from nutgraf.metrics.embedding_match import TokenVectors
from nutgraf.models.bert_folder import BertFolder
from nutgraf.models.bert_inputs import BertBatch, bert_batches, joined_texts

__all__ = ["TokenEncoder"]

Array = Any


class TokenEncoder:
    """A BERT that gives each token a vector of length 1.

    Args:
        bert: of `nutgraf.models.bert_folder.load_bert`.
        layer: the states after this block, 1 = the first; 0 = the last.

    Raises:
        ConfigError: there is no such block.
    """

    def __init__(self, bert: BertFolder, layer: int = 0) -> None:
        """Compile nothing yet."""
        blocks = bert.model.config.layers
        if not 0 <= layer <= blocks:
            raise ConfigError(
                f"layer must be in [1, {blocks}], the blocks of this BERT, or 0 for "
                f"the last. Received: layer={layer}. Leave it out for the last."
            )
        self.model, self.tokenizer = bert.model, bert.tokenizer
        self.layer = layer
        self._variables = self.model.trainable_variables
        self._compiled = jit(self._states)

    def _states(self, values: list[Array], batch: BertBatch) -> Array:
        with with_values(self._variables, values):
            states = self.model.encode(*batch, depth=self.layer)
        states = at_least_float32(states)
        squares = ops.sum(ops.square(states), axis=-1, keepdims=True)
        return states / ops.sqrt(ops.maximum(squares, 1e-24))

    def __call__(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Read texts.

        Args:
            texts: n texts; what is longer than the model reads is cut.

        Returns:
            n texts as vectors, in order.

        Raises:
            DataError: a text has a lone surrogate.
        """
        values = [variable.value for variable in self._variables]
        limit = self.model.config.max_length
        inputs = joined_texts(self.tokenizer, texts, max_length=limit)
        found: dict[int, TokenVectors] = {}
        for part, batch in bert_batches(inputs, limit):
            states = to_numpy(self._compiled(values, batch))
            for number, vectors in zip(part, states, strict=False):
                length = len(inputs[number].ids)
                counts = np.ones(length, bool)
                counts[[0, -1]] = False  # [CLS] and [SEP]
                found[number] = TokenVectors(vectors[:length], counts)
        return [found[number] for number in range(len(texts))]
