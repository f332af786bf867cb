"""Sentence embeddings: one vector for a text, so that near texts mean alike.

The mean of a BERT's states over the tokens of the text, or the state of `[CLS]`, scaled
to length 1, so that the dot product is the cosine.

Reference: Reimers and Gurevych 2019, "Sentence-BERT", section 3, arXiv 1908.10084.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from keras import ops

from nutgraf.backend import jit, to_numpy, with_values
from nutgraf.errors import ConfigError, ModelError
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.precision import at_least_float32
from nutgraf.models.bert_folder import bert_path, load_bert, save_bert
from nutgraf.models.bert_inputs import (
    BertBatch,
    bert_batches,
    joined_texts,
)

__all__ = ["Pooling", "SentenceEmbedder", "load_embedder", "pool", "save_embedder"]

Array = Any
Pooling = Literal["mean", "cls"]

_AT_ONCE = 4096
_POOLING = "1_Pooling/config.json"


def _check_pooling(pooling: str) -> None:
    if pooling not in get_args(Pooling):
        raise ConfigError(
            f"pooling must be one of {', '.join(get_args(Pooling))}. Received: "
            f"pooling={pooling!r}. Leave it out for mean."
        )


def pool(states: Array, mask: Array, pooling: Pooling = "mean") -> Array:
    """Make one vector of the states of a text.

    Args:
        states: (B, S, D).
        mask: (B, S) bool; the first of those that count is `[CLS]`.
        pooling: "mean" over the tokens that count, `[CLS]` and `[SEP]` among them, or
            "cls", the state of the first.

    Returns:
        (B, D) float32 (float64 of such states); zeros for a text without tokens.

    Raises:
        ConfigError: `pooling` is neither.

    Example:
        >>> states = np.float32([[[1, 2], [3, 4], [9, 9]]])
        >>> pool(states, np.array([[True, True, False]])).__array__().tolist()
        [[2.0, 3.0]]
    """
    _check_pooling(pooling)
    mask = ops.cast(mask, "bool")
    if pooling == "cls":  # with padding on the left, the first is not at place 0
        mask = ops.logical_and(mask, ops.cumsum(ops.cast(mask, "int32"), axis=1) == 1)
    states = at_least_float32(ops.convert_to_tensor(states))
    kept = ops.where(mask[..., None], states, ops.zeros_like(states))
    counts = ops.cast(ops.sum(ops.cast(mask, "int32"), axis=1), states.dtype)
    return ops.sum(kept, axis=1) / ops.maximum(counts, 1.0)[:, None]


class SentenceEmbedder:
    """A BERT with a pooling: texts in, vectors out.

    Args:
        model: a `nutgraf.models.bert.Bert`.
        tokenizer: its tokenizer.
        pooling: "mean" or "cls", see `pool`.
        normalize: scale each vector to length 1.
        max_length: longest text in tokens, `[CLS]` and `[SEP]` among them; what is
            longer is cut. 0 = as long as the model reads.

    Attributes:
        variables: the Keras variables of the model.
        width: D, numbers in a vector.
        cut: texts that were cut by the newest call.

    Raises:
        ConfigError: `pooling` is unknown, or `max_length` out of range.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        pooling: Pooling = "mean",
        normalize: bool = True,
        max_length: int = 0,
    ) -> None:
        """Compile nothing yet."""
        longest = model.config.max_length
        if max_length != 0 and not 3 <= max_length <= longest:
            raise ConfigError(
                f"max_length must be in [3, {longest}], or 0 for {longest}. Received: "
                f"max_length={max_length}. Lower it to what the model reads."
            )
        _check_pooling(pooling)
        self.model = model
        self.tokenizer = tokenizer
        self.pooling: Pooling = pooling
        self.normalize = normalize
        self.max_length = max_length or longest
        self.width: int = model.config.width
        self.cut = 0

    @property
    def variables(self) -> list[Any]:
        """The Keras variables of the model."""
        return list(self.model.trainable_variables)

    def embed(
        self, values: list[Array], batch: BertBatch, dropout: Dropout | None = None
    ) -> Array:
        """Embed a batch; pure in the weights, so it can be trained.

        Args:
            values: the weights, in the order of `variables`.
            batch: B texts.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            (B, D) float32.
        """
        with with_values(self.variables, values):
            states = self.model.encode(*batch, dropout=dropout)
        vectors = pool(states, batch.mask, self.pooling)
        if not self.normalize:
            return vectors
        # double where: the root of 0, of a filler, has no gradient
        squares = ops.sum(ops.square(vectors), axis=1, keepdims=True)
        there = squares > 0
        length = ops.sqrt(ops.where(there, squares, ops.ones_like(squares)))
        return vectors / length

    @cached_property
    def _compiled(self) -> Any:
        return jit(self.embed)

    def __call__(
        self,
        texts: Sequence[str],
        advance: Callable[[int, str], None] = lambda count, text: None,
    ) -> np.ndarray:
        """Embed texts, similar lengths together.

        Args:
            texts: n texts; an empty one is `[CLS] [SEP]`.
            advance: called with the number of texts that are done since, and "", such
                as `nutgraf.training.log.progress_bar` gives it.

        Returns:
            (n, D) float32, in the order of the texts.

        Raises:
            DataError: a text has a lone surrogate.
        """
        values = [variable.value for variable in self.variables]
        found = np.zeros((len(texts), self.width), np.float32)
        self.cut = 0
        # some thousands at a time, by length in characters: little is held in memory
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), _AT_ONCE):
            chosen = order[start : start + _AT_ONCE]
            inputs = joined_texts(
                self.tokenizer, [texts[n] for n in chosen], max_length=self.max_length
            )
            self.cut += sum(len(one.ids) == self.max_length for one in inputs)
            for part, batch in bert_batches(inputs, self.max_length):
                vectors = to_numpy(self._compiled(values, batch))
                found[[chosen[n] for n in part]] = vectors[: len(part)]
                advance(len(part), "")
        return found


def load_embedder(
    folder: str | Path, pooling: str = "", normalize: bool | None = None
) -> SentenceEmbedder:
    """Load a sentence embedder, ours or one of sentence-transformers.

    Args:
        folder: a model folder, or "minilm"; a plain BERT will do.
        pooling: "mean" or "cls"; "" = as the folder says, mean when it says nothing.
        normalize: whether vectors have length 1; None = as the folder says, True when
            it says nothing.

    Returns:
        The embedder.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
        ConfigError: `pooling` is unknown.
        DependencyError: the package of "minilm" is not installed.
    """
    path = bert_path(folder)
    modules = _json(path / "modules.json") or []
    said = _json(path / _POOLING) or {}
    limits = _json(path / "sentence_bert_config.json") or {}
    kinds = {str(one.get("type", "")).rpartition(".")[2] for one in modules}
    if kinds - {"Transformer", "Pooling", "Normalize"}:
        raise ModelError(
            "An embedder must be a Transformer with Pooling, and Normalize or not. "
            f"Received: {', '.join(sorted(kinds))} in {path / 'modules.json'}. Take "
            "another model."
        )
    loaded = load_bert(path)
    if not pooling:
        pooling = _pooling_of(said, path)
    if normalize is None:
        normalize = "Normalize" in kinds or not modules
    longest = loaded.model.config.max_length
    return SentenceEmbedder(
        loaded.model,
        loaded.tokenizer,
        pooling,  # type: ignore[arg-type]  # checked there
        normalize,
        min(limits.get("max_seq_length") or longest, longest),
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8")) if path.is_file() else None
    except ValueError as error:
        raise ModelError(
            f"{path} must be JSON. Received: {error}. Copy the model folder again."
        ) from error


def _pooling_of(said: dict[str, Any], path: Path) -> Pooling:
    """The pooling that a folder of sentence-transformers names."""
    modes = [key for key, value in said.items() if "pooling_mode" in key and value]
    known: dict[str, Pooling] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
    }
    if len(modes) > 1 or not set(modes) <= known.keys():
        raise ModelError(
            "An embedder must pool by mean or by cls. Received: "
            f"{', '.join(modes)} in {path / _POOLING}. Give the pooling yourself, or "
            "take another model."
        )
    return known[modes[0]] if modes else "mean"


def save_embedder(
    folder: str | Path, embedder: SentenceEmbedder, card: dict[str, Any] | None = None
) -> None:
    """Write a model folder that sentence-transformers can load too.

    Args:
        folder: the folder; an older one is replaced when the new one is whole.
        embedder: what is saved, with the weights that its model has now.
        card: run card, stored beside the model.
    """
    kinds = ["Transformer", "Pooling", *["Normalize"] * embedder.normalize]
    modules = [
        {
            "idx": number,
            "name": str(number),
            "path": f"{number}_{kind}" if number else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for number, kind in enumerate(kinds)
    ]
    pooling = {
        "word_embedding_dimension": embedder.width,
        "pooling_mode_mean_tokens": embedder.pooling == "mean",
        "pooling_mode_cls_token": embedder.pooling == "cls",
    }
    files = {
        "modules.json": modules,
        _POOLING: pooling,
        "sentence_bert_config.json": {"max_seq_length": embedder.max_length},
    }
    save_bert(folder, embedder.model, embedder.tokenizer, files=files, card=card)
