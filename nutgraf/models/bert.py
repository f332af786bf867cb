"""BERT: a Transformer encoder that reads a text in both directions.

Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", arXiv 1810.04805: word, learned position and segment embeddings, a
LayerNorm, post-norm blocks with exact GELU. The weights map one to one onto a Hugging
Face `BertModel` without its pooler (`nutgraf.models.bert_folder`).

Differences from the paper:

1. Dropout acts on states, not on attention weights.
2. Padding takes no position, so padding on the left changes nothing either.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from nutgraf.arrays import PAD
from nutgraf.layers.bert_block import BertBlock
from nutgraf.layers.dropout import Dropout, training_dropout
from nutgraf.models.bert_config import BertConfig

__all__ = ["Bert"]

Array = Any


class Bert(keras.Model):
    """Encoder of word pieces, in both directions.

    As a Keras model it maps `{"ids": (B, S)}`, with `"segments": (B, S)` or without, to
    (B, S, D) states; ids equal to `PAD` are masked. States follow the dtype policy,
    softmax is float32.

    Args:
        config: the settings.

    Reference: Devlin et al. 2019, arXiv 1810.04805.
    """

    def __init__(self, config: BertConfig, **kwargs: Any) -> None:
        """Create all weights at once."""
        super().__init__(**{"name": "bert", **kwargs})
        self.config = config
        policy = self.dtype_policy
        self.word_embedding = self._table("word", config.vocabulary_size)
        self.position_embedding = self._table("position", config.max_length)
        self.segment_embedding = self._table("segment", config.segments)
        self.embedding_norm = keras.layers.LayerNormalization(
            epsilon=config.epsilon, name="embedding_norm", dtype=policy
        )
        self.blocks = [
            BertBlock(
                config.width,
                config.heads,
                config.feed_forward,
                config.epsilon,
                name=f"block_{number}",
                dtype=policy,
            )
            for number in range(config.layers)
        ]
        self.dropout_seeds = keras.random.SeedGenerator()
        self.build()

    def _table(self, name: str, rows: int) -> keras.layers.Embedding:
        return keras.layers.Embedding(
            rows,
            self.config.width,
            name=f"{name}_embedding",
            dtype=self.dtype_policy,
            embeddings_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        tables = self.word_embedding, self.position_embedding, self.segment_embedding
        for table in tables:
            table.build((None, None))
        for part in (self.embedding_norm, *self.blocks):
            part.build((None, None, self.config.width))
        self.built = True

    def encode(
        self,
        ids: Array,
        mask: Array,
        segments: Array | None = None,
        dropout: Dropout | None = None,
        depth: int = 0,
        packed: tuple[Array, Array] | None = None,
    ) -> Array:
        """Return the state of each token.

        Args:
            ids: (B, S) int32, S at most `config.max_length`; special tokens included.
            mask: (B, S) bool, True = a token, False = padding, on either side.
            segments: (B, S) int32 in [0, config.segments); None = all 0.
            dropout: the dropout of this pass; None drops nothing.
            depth: blocks that are run, the first ones; 0 = all.
            packed: of several texts in a row, the number of each token's text and the
                token's position in it, (B, S) int32 each; nothing is seen across
                texts. None = a row is a text.

        Returns:
            (B, S, D) states; those of padding may be anything finite.

        Raises:
            ValueError: S is more than the model has positions for.
        """
        length = ids.shape[1]
        if length is not None and length > self.config.max_length:
            raise ValueError(
                f"ids must have at most {self.config.max_length} tokens, the positions "
                f"of this BERT. Received: ids.shape={tuple(ids.shape)}. Cut the text, "
                "or read it in windows."
            )
        drop = dropout or Dropout(0.0, None)
        mask = ops.cast(mask, "bool")
        # a row without any token (a filler) sees its padding: no NaN
        filler = ops.logical_not(ops.any(mask, axis=1, keepdims=True))
        visible = ops.logical_or(mask, filler)[:, None, :]  # (B, 1, S)
        if packed is None:
            counts = ops.cumsum(ops.cast(mask, "int32"), axis=1)
            positions = ops.maximum(counts - 1, 0)  # padding takes no position
        else:
            texts, positions = packed
            same = ops.equal(texts[:, :, None], texts[:, None, :])
            visible = ops.logical_and(visible, same)  # (B, S, S)
        segments = ops.zeros_like(ids) if segments is None else segments
        x = self.word_embedding(ids) + self.segment_embedding(segments)
        x = drop(self.embedding_norm(x + self.position_embedding(positions)))
        for block in self.blocks[: depth or None]:
            x = block(x, visible, dropout=drop)
        return x

    def training_dropout(self) -> Dropout | None:
        """Return the dropout of one Keras training step, None when the rate is 0."""
        return training_dropout(self.config.dropout, self.dropout_seeds)

    def call(self, inputs: dict[str, Array], training: bool = False) -> Array:
        """Return (B, S, D) states; see the class."""
        ids = ops.cast(inputs["ids"], "int32")
        dropout = self.training_dropout() if training else None
        return self.encode(ids, ids != PAD, inputs.get("segments"), dropout)

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        return {"config": dict(vars(self.config)), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bert:
        """Make a model of `get_config`'s dictionary."""
        return cls(BertConfig(**config["config"]), name=config["name"])
