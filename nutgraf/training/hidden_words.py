"""Masked-language-model pretraining: tell the words that were hidden in plain text.

-log p(x_t | all tokens that are not hidden), mean over the hidden ones; Devlin et al.
2019, section 3.1, arXiv 1810.04805. Texts lie side by side in a row and see nothing of
each other. There is no second task of guessing the next sentence: Liu et al. 2019,
"RoBERTa", section 4.2, arXiv 1907.11692, found it of no use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.data.packed import PackedTokens, packed_batches
from nutgraf.layers.dropout import Dropout
from nutgraf.models.bert_inputs import BertBatch
from nutgraf.models.masked_language import MaskedLanguageModel, save_masked_model
from nutgraf.text.bert_tokenizer import BertTokenizer
from nutgraf.training.epochs import EpochLoop
from nutgraf.training.masked import MaskedBatch, Masking, hide_words
from nutgraf.training.settings import TrainingSettings

__all__ = ["HiddenWordsTrainer", "MaskedLearner", "masking_of", "masked_pieces"]

Array = Any


class MaskedLearner(NamedTuple):
    """What the loop needs to know of a model in pretraining.

    Attributes:
        model: the model with its head.
        tokenizer: its tokenizer.
    """

    model: MaskedLanguageModel
    tokenizer: BertTokenizer

    @property
    def variables(self) -> list[Any]:
        """The Keras variables of encoder and head."""
        return list(self.model.trainable_variables)


def masking_of(tokenizer: BertTokenizer, share: float = 0.15) -> Masking:
    """Return how words of a vocabulary are hidden.

    Args:
        tokenizer: the tokenizer.
        share: in (0, 1), of the tokens that are chosen.

    Returns:
        The masking; 80 % of the chosen become `[MASK]`, 10 % another piece.
    """
    special = (
        tokenizer.pad_id,
        tokenizer.unknown_id,
        tokenizer.cls_id,
        tokenizer.sep_id,
        tokenizer.mask_id,
    )
    return Masking(tokenizer.starts_word, special, tokenizer.mask_id, share)


def masked_pieces(
    tokenizer: BertTokenizer, ids: list[int], length: int
) -> Iterator[list[int]]:
    """Write a document for a BERT.

    Args:
        tokenizer: the tokenizer.
        ids: tokens of the document.
        length: longest piece, at least 3.

    Yields:
        `[CLS] … [SEP]` of each part of the document; nothing for an empty one.
    """
    for start in range(0, len(ids), length - 2):
        part = ids[start : start + length - 2]
        yield [tokenizer.cls_id, *part, tokenizer.sep_id]


class _Batch(NamedTuple):
    """Rows of several texts each, with hidden words."""

    hidden: MaskedBatch
    texts: Array
    positions: Array


class HiddenWordsTrainer(EpochLoop):
    """Trains a BERT on packed documents; saves, resumes, validates.

    Each pass hides other words. The words hidden in validation are always the same.

    Args:
        learner: model and tokenizer; its weights are where a new run starts.
        settings: the settings.
        folder: run folder, see `EpochLoop`.
        train: rows to train on, made of `masked_pieces`.
        valid: rows for validation; None or empty = none.
        rows: B, rows of a batch.
        share: in (0, 1), of the tokens that are hidden.
    """

    def __init__(
        self,
        learner: MaskedLearner,
        settings: TrainingSettings,
        folder: Path,
        train: PackedTokens,
        valid: PackedTokens | None,
        rows: int,
        share: float = 0.15,
    ) -> None:
        """Compile nothing yet."""
        super().__init__(learner, settings, folder)
        self.train, self.valid, self.rows = train, valid, rows
        self._masking = masking_of(learner.tokenizer, share)

        def gradients(values: list[Array], batch: _Batch, seed: Array) -> Any:
            def loss(values: list[Array], batch: _Batch, seed: Array) -> Any:
                nats, count, _ = self._summed(
                    values, batch, Dropout(settings.dropout, seed)
                )
                return nats, count

            (nats, count), grads = value_and_grad(loss)(values, batch, seed)
            return grads, nats, count

        self._gradient = jit(gradients)
        self._evaluate = jit(
            lambda values, batch: self._summed(values, batch, Dropout(0.0, None))
        )

    def _summed(
        self, values: list[Array], batch: _Batch, dropout: Dropout
    ) -> tuple[Array, Array, Array]:
        """Summed negative log-likelihood in nats, number of hidden tokens, hits."""
        hidden = batch.hidden
        inputs = BertBatch(hidden.ids, hidden.mask, hidden.segments)
        packed = (batch.texts, batch.positions)
        with with_values(self.policy.variables, values):
            logits = self.policy.model.logits(inputs, hidden.places, dropout, packed)
        log_probs = ops.log_softmax(logits, axis=-1)  # (B, M, V)
        of_label = ops.take_along_axis(log_probs, hidden.labels[..., None], axis=-1)
        nats = ops.where(hidden.asked, -of_label[..., 0], 0.0)
        best = ops.cast(ops.argmax(logits, axis=-1), "int32")
        hit = ops.logical_and(ops.equal(best, hidden.labels), hidden.asked)
        counts = ops.sum(ops.cast(hidden.asked, "float32"))
        return ops.sum(nats), counts, ops.sum(ops.cast(hit, "float32"))

    def _batch(
        self, packed: PackedTokens, plan: np.ndarray, seed: tuple[int, ...]
    ) -> _Batch:
        """Read rows and hide words; rows are known by their numbers."""
        found = packed.batch(plan, self.rows)
        keys = np.zeros(self.rows, np.int64)
        keys[: len(plan)] = plan
        texts = found.segments.astype(np.int32)
        hidden = hide_words(
            found.ids, texts > 0, np.zeros_like(texts), keys, self._masking, seed
        )
        return _Batch(hidden, texts, found.positions.astype(np.int32))

    def batches(self, epoch: int) -> Sequence[tuple[int, np.ndarray]]:
        """See `EpochLoop.batches`."""
        plans = packed_batches(self.train, self.rows, self.settings.seed, epoch)
        return [(epoch, plan) for plan in plans]

    def gradient(
        self, values: list[Any], plan: tuple[int, np.ndarray], seed: np.int32
    ) -> tuple[list[Any], Any, Any]:
        """See `EpochLoop.gradient`."""
        epoch, rows = plan
        batch = self._batch(self.train, rows, (self.settings.seed, epoch))
        found: tuple[list[Any], Any, Any] = self._gradient(values, batch, seed)
        return found

    def validate(self, values: list[Any]) -> dict[str, float]:
        """See `EpochLoop.validate`: loss and perplexity of hidden tokens, accuracy."""
        if not self.valid:
            return {}
        total = np.zeros(3)
        for plan in packed_batches(self.valid, self.rows, 0, 0):
            found = self._evaluate(values, self._batch(self.valid, plan, (0,)))
            total += [float(number) for number in to_numpy(found)]
        nats, count, hits = total.tolist()
        loss = nats / max(count, 1.0)
        return {
            "valid/loss": loss,
            "valid/perplexity": math.exp(min(loss, 50.0)),
            "valid/accuracy": 100.0 * hits / max(count, 1.0),
        }

    def save(self, folder: Path) -> None:
        """See `EpochLoop.save`."""
        save_masked_model(folder, self.policy.model, self.policy.tokenizer)
