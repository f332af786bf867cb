"""A span head on a BERT: where an answer begins and where it ends.

Two numbers from each state, the logits of being the first and the last token of the
answer. Devlin et al. 2019, section 4.2, arXiv 1810.04805. The weights map one to one
onto a Hugging Face `BertForQuestionAnswering`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.arrays import PAD
from nutgraf.backend import to_numpy
from nutgraf.errors import ModelError
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.precision import at_least_float32
from nutgraf.models.bert_folder import load_bert, save_bert

__all__ = ["KERNEL", "SpanModel", "load_span_model", "save_span_model"]

Array = Any

KERNEL, _BIAS = "qa_outputs.weight", "qa_outputs.bias"


class SpanModel(keras.Model):
    """A BERT with the logits of start and end.

    As a Keras model it maps `{"ids": (B, S), "segments": (B, S)}` to `{"start": (B, S),
    "end": (B, S)}` float32 logits, ready for
    `SparseCategoricalCrossentropy(from_logits=True)` of each. Padding has -1e9.

    Args:
        bert: a `nutgraf.models.bert.Bert`; its weights are shared, not copied.

    Reference: Devlin et al. 2019, arXiv 1810.04805, section 4.2.
    """

    def __init__(self, bert: Any, **kwargs: Any) -> None:
        """Create the head."""
        super().__init__(**{"name": "span_model", **kwargs})
        self.bert = bert
        self.config = bert.config
        self.head = keras.layers.Dense(2, name="span_head", dtype=self.dtype_policy)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create the weights of the head."""
        self.head.build((None, None, self.bert.config.width))
        self.built = True

    def logits(
        self,
        ids: Array,
        mask: Array,
        segments: Array | None = None,
        dropout: Dropout | None = None,
    ) -> tuple[Array, Array]:
        """Return how likely an answer begins, and ends, at each token.

        Args:
            ids: (B, S) int32, question and context, special tokens included.
            mask: (B, S) bool, True = a token, False = padding.
            segments: (B, S) int32; None = all 0.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            Two arrays (B, S), float32 logits; -1e9 where the mask is False.
        """
        return self.read(ids, mask, segments, dropout)[1:]

    def read(
        self,
        ids: Array,
        mask: Array,
        segments: Array | None = None,
        dropout: Dropout | None = None,
    ) -> tuple[Array, Array, Array]:
        """Return the state of each token, and the numbers of `logits`.

        Args:
            ids: as for `logits`.
            mask: as for `logits`.
            segments: as for `logits`.
            dropout: as for `logits`.

        Returns:
            (B, S, D) states, and two arrays (B, S) of logits.
        """
        states = self.bert.encode(ids, mask, segments, dropout)
        both = at_least_float32(self.head(states))  # (B, S, 2)
        both = ops.where(ops.cast(mask, "bool")[..., None], both, -1e9)
        return states, both[..., 0], both[..., 1]

    def call(self, inputs: dict[str, Array], training: bool = False) -> Any:
        """Return the logits of start and end; see the class."""
        ids = ops.cast(inputs["ids"], "int32")
        dropout = self.bert.training_dropout() if training else None
        start, end = self.logits(ids, ids != PAD, inputs.get("segments"), dropout)
        return {"start": start, "end": end}


def save_span_model(
    folder: str | Path,
    model: SpanModel,
    tokenizer: Any,
    card: Any = None,
    files: Mapping[str, Any] | None = None,
) -> None:
    """Write a model folder that transformers can load too.

    Args:
        folder: the folder; an older one is replaced when the new one is whole.
        model: the model.
        tokenizer: its `nutgraf.text.bert_tokenizer.BertTokenizer`.
        card: run card, stored beside the model; None = none.
        files: path inside the folder -> content, more JSON files.
    """
    kernel, bias = to_numpy([variable.value for variable in model.head.variables])
    save_bert(
        folder,
        model.bert,
        tokenizer,
        extra={KERNEL: kernel.T, _BIAS: bias},
        architecture="BertForQuestionAnswering",
        files=files,
        card=card,
    )


def load_span_model(folder: str | Path) -> tuple[SpanModel, Any]:
    """Load a BERT with its span head.

    Args:
        folder: a model folder, ours or of a Hugging Face `BertForQuestionAnswering`.

    Returns:
        The model, and its tokenizer.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
    """
    loaded = load_bert(folder)
    model = SpanModel(loaded.model)
    width = loaded.model.config.width
    for name, variable, shape in zip(
        (KERNEL, _BIAS), model.head.variables, ((2, width), (2,)), strict=True
    ):
        found = loaded.extra.get(name)
        if found is None or found.shape != shape:
            raise ModelError(
                f"A model that finds answers must hold `{name}` with shape {shape}. "
                f"Received: {'nothing' if found is None else found.shape} in "
                f"{loaded.path}. Train a span head on this BERT first."
            )
        variable.assign(np.asarray(found, np.float32).T)
    return model, loaded.tokenizer
