"""The head with which a BERT is pretrained: which piece was hidden here?

The state of a hidden token goes through a dense layer, GELU and a LayerNorm, and is
compared with the embeddings of all pieces. Devlin et al. 2019, section 3.1, arXiv
1810.04805. The weights map one to one onto a Hugging Face `BertForMaskedLM`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.arrays import PAD
from nutgraf.backend import assign, to_numpy
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.precision import at_least_float32
from nutgraf.models.bert_folder import load_bert, save_bert
from nutgraf.models.bert_inputs import BertBatch

__all__ = ["MaskedLanguageModel", "load_masked_model", "save_masked_model"]

Array = Any

_NAMES = (
    "cls.predictions.transform.dense.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.predictions.bias",
)


class MaskedLanguageModel(keras.Model):
    """A BERT with the head of masked-language-model pretraining.

    As a Keras model it maps `{"ids": (B, S), "places": (B, M)}` to (B, M, V) float32
    log-probs of the pieces that were hidden at these places.

    Args:
        bert: a `nutgraf.models.bert.Bert`; its weights are shared, not copied.

    Reference: Devlin et al. 2019, arXiv 1810.04805, section 3.1.
    """

    def __init__(self, bert: Any, **kwargs: Any) -> None:
        """Create the head."""
        super().__init__(**{"name": "masked_language_model", **kwargs})
        self.bert = bert
        self.config = bert.config
        config, policy = bert.config, self.dtype_policy
        self.transform = keras.layers.Dense(
            config.width, name="transform", dtype=policy
        )
        self.transform_norm = keras.layers.LayerNormalization(
            epsilon=config.epsilon, name="transform_norm", dtype=policy
        )
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create the weights of the head."""
        states = (None, None, self.bert.config.width)
        self.transform.build(states)
        self.transform_norm.build(states)
        self.output_bias = self.add_weight(
            shape=(self.bert.config.vocabulary_size,),
            initializer="zeros",
            name="output_bias",
        )
        self.built = True

    @property
    def head_variables(self) -> list[Any]:
        """The Keras variables of the head: dense, norm, bias of the output."""
        parts = (self.transform, self.transform_norm)
        return [*(v for part in parts for v in part.variables), self.output_bias]

    def logits(
        self,
        batch: BertBatch,
        places: Array,
        dropout: Dropout | None = None,
        packed: tuple[Array, Array] | None = None,
    ) -> Array:
        """Return the logits of all pieces at some places.

        Args:
            batch: B texts with hidden tokens.
            places: (B, M) int32 in [0, S), the tokens that are asked for.
            dropout: the dropout of this pass; None drops nothing.
            packed: of several texts in a row, see `Bert.encode`.

        Returns:
            (B, M, V) float32.
        """
        states = self.bert.encode(*batch, dropout=dropout, packed=packed)
        asked = ops.take_along_axis(states, places[..., None], axis=1)  # (B, M, D)
        x = ops.gelu(self.transform(asked), approximate=False)
        x = self.transform_norm(x)
        table = ops.convert_to_tensor(self.bert.word_embedding.embeddings)
        logits = ops.matmul(x, ops.transpose(ops.cast(table, x.dtype)))
        logits = at_least_float32(logits)
        return logits + ops.cast(self.output_bias, logits.dtype)

    def call(self, inputs: dict[str, Array], training: bool = False) -> Array:
        """Return (B, M, V) log-probs; see the class."""
        ids = ops.cast(inputs["ids"], "int32")
        segments = inputs.get("segments", ops.zeros_like(ids))
        batch = BertBatch(ids, ids != PAD, segments)
        dropout = self.bert.training_dropout() if training else None
        places = ops.cast(inputs["places"], "int32")
        return ops.log_softmax(self.logits(batch, places, dropout), axis=-1)


def save_masked_model(
    folder: str | Path, model: MaskedLanguageModel, tokenizer: Any, card: Any = None
) -> None:
    """Write a model folder with the head, so that pretraining can go on from it.

    Args:
        folder: the folder; an older one is replaced when the new one is whole.
        model: the model.
        tokenizer: its `nutgraf.text.bert_tokenizer.BertTokenizer`.
        card: run card, stored beside the model; None = none.
    """
    values = to_numpy([variable.value for variable in model.head_variables])
    values[0] = values[0].T
    save_bert(
        folder,
        model.bert,
        tokenizer,
        extra=dict(zip(_NAMES, values, strict=True)),
        architecture="BertForMaskedLM",
        card=card,
    )


def load_masked_model(folder: str | Path) -> tuple[MaskedLanguageModel, Any]:
    """Load a BERT to pretrain it further.

    Args:
        folder: a model folder, or "minilm"; without the weights of a head, which only
            `BertForMaskedLM` has, the head is new.

    Returns:
        The model, and its tokenizer.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
        DependencyError: the package of "minilm" is not installed.
    """
    loaded = load_bert(folder)
    model = MaskedLanguageModel(loaded.model)
    if set(_NAMES) <= loaded.extra.keys():
        values = [np.asarray(loaded.extra[name], np.float32) for name in _NAMES]
        values[0] = values[0].T
        assign(model.head_variables, values)
    return model, loaded.tokenizer
