"""Language modelling: maximum likelihood of every token of plain text.

-log p(x_t | x_1 … x_{t-1}), Bengio et al. 2003, "A Neural Probabilistic Language
Model", JMLR 3, with texts side by side in a row that see nothing of each other. Beside
the perplexity, which depends on the tokenizer, stand the bits per byte, which do not:
the nats of all tokens / (ln 2 · bytes of the text).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from nutgraf.backend import Compiled, jit, to_numpy, value_and_grad, with_values
from nutgraf.data.packed import PackedBatch, PackedTokens, packed_batches
from nutgraf.layers.dropout import Dropout
from nutgraf.training.epochs import EpochLoop
from nutgraf.training.settings import TrainingSettings

__all__ = ["LanguageTrainer", "bits_per_byte", "language_evaluation"]
__all__ += ["language_gradient"]

Array = Any


def bits_per_byte(nats: float, size: int) -> float:
    """Return how many bits a byte of text costs.

    Args:
        nats: negative log-likelihood of the whole text.
        size: bytes of the text in UTF-8, >= 1.

    Returns:
        Bits.

    Example:
        >>> round(bits_per_byte(math.log(256), 1), 6)
        8.0
    """
    return nats / (math.log(2.0) * max(size, 1))


def _summed(
    policy: Any, values: list[Array], batch: PackedBatch, dropout: Dropout
) -> tuple[Array, Array]:
    """Summed negative log-likelihood in nats, and number of tokens."""
    with with_values(policy.variables, values):
        log_probs = policy.log_probs_of_text(
            batch.ids, batch.positions, batch.segments, batch.targets, dropout
        )
    nats = ops.sum(ops.where(batch.mask, -log_probs, 0.0))
    return nats, ops.sum(ops.cast(batch.mask, "float32"))


def language_gradient(policy: Any, rate: float) -> Compiled:
    """Compile the gradient of the summed loss of a batch.

    Args:
        policy: a `DecoderOnlyPolicy`.
        rate: dropout, in [0, 1).

    Returns:
        `(values, batch, seed) -> (gradients, nll sum in nats, number of tokens)`; seed
        int32 scalar.
    """

    def gradients(values: list[Array], batch: PackedBatch, seed: Array) -> Any:
        def loss(values: list[Array], batch: PackedBatch, seed: Array) -> Any:
            return _summed(policy, values, batch, Dropout(rate, seed))

        (nats, count), grads = value_and_grad(loss)(values, batch, seed)
        return grads, nats, count

    return jit(gradients)


def language_evaluation(policy: Any) -> Compiled:
    """Compile the loss without dropout.

    Args:
        policy: a `DecoderOnlyPolicy`.

    Returns:
        `(values, batch) -> (nll sum in nats, number of tokens)`.
    """
    return jit(lambda values, batch: _summed(policy, values, batch, Dropout(0.0, None)))


class LanguageTrainer(EpochLoop):
    """Trains a language model on packed documents; saves, resumes, validates.

    Args:
        policy: a `DecoderOnlyPolicy`; its weights are where a new run starts.
        settings: the settings.
        folder: run folder, see `EpochLoop`.
        train: rows to train on.
        valid: rows for validation; None or empty = none.
        rows: B, rows of a batch.
    """

    def __init__(
        self,
        policy: Any,
        settings: TrainingSettings,
        folder: Path,
        train: PackedTokens,
        valid: PackedTokens | None,
        rows: int,
    ) -> None:
        """Compile nothing yet."""
        super().__init__(policy, settings, folder)
        self.train, self.valid, self.rows = train, valid, rows
        self._gradient = language_gradient(policy, settings.dropout)
        self._evaluate = language_evaluation(policy)

    def batches(self, epoch: int) -> Sequence[np.ndarray]:
        """See `EpochLoop.batches`."""
        return packed_batches(self.train, self.rows, self.settings.seed, epoch)

    def gradient(
        self, values: list[Any], plan: np.ndarray, seed: np.int32
    ) -> tuple[list[Any], Any, Any]:
        """See `EpochLoop.gradient`."""
        batch = self.train.batch(plan, self.rows)
        found: tuple[list[Any], Any, Any] = self._gradient(values, batch, seed)
        return found

    def validate(self, values: list[Any]) -> dict[str, float]:
        """See `EpochLoop.validate`: loss, perplexity and bits per byte."""
        if not self.valid:
            return {}
        nats = 0.0
        for plan in packed_batches(self.valid, self.rows, 0, 0):
            found = self._evaluate(values, self.valid.batch(plan, self.rows))
            nats += float(to_numpy(found[0]))
        loss = nats / self.valid.tokens
        return {
            "valid/loss": loss,
            "valid/perplexity": math.exp(min(loss, 50.0)),
            "valid/bits_per_byte": bits_per_byte(nats, self.valid.bytes),
        }
