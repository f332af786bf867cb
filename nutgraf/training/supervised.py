"""Supervised training of any policy: maximum likelihood of the first reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.data.augment import Augmenter, AugmentSettings
from nutgraf.data.batches import BatchPlan, BatchShape, epoch_batches, materialise
from nutgraf.data.cache import TokenCache
from nutgraf.training.epochs import EpochLoop
from nutgraf.training.settings import SupervisedSettings
from nutgraf.training.step import evaluation_step, gradient_step

__all__ = ["SupervisedTrainer"]


class SupervisedTrainer(EpochLoop):
    """Trains a policy on cached tokens; saves, resumes, validates.

    Args:
        policy: the policy; its weights are where a new run starts.
        settings: the settings.
        folder: run folder, see `EpochLoop`.
        shapes: the batch shapes, of `choose_shapes`.
        sample_metrics: see `EpochLoop`.
        augment: how the sources of training rows are changed in each epoch; it takes a
            policy with a `TextCodec`.
        asked: whether sources begin with a question, which is never changed.
    """

    def __init__(
        self,
        policy: Any,
        settings: SupervisedSettings,
        folder: Path,
        shapes: Sequence[BatchShape],
        sample_metrics: Callable[[Any], dict[str, float]] | None = None,
        augment: AugmentSettings = AugmentSettings(),  # noqa: B008 - frozen
        asked: bool = False,
    ) -> None:
        """Compile nothing yet."""
        super().__init__(policy, settings, folder, sample_metrics)
        self.shapes = tuple(shapes)
        self.augment = augment
        self.asked = asked
        self._change: Augmenter | None = None
        self._train: Any = None
        self._valid: TokenCache | None = None
        self._gradient = gradient_step(
            policy, settings.label_smoothing, settings.dropout, settings.r_drop
        )
        self._evaluate = evaluation_step(policy)

    def fit(
        self,
        train: TokenCache,
        valid: TokenCache | None = None,
        callbacks: Sequence[Any] = (),
        stop_after: float = math.inf,
    ) -> dict[str, Any]:
        """Train, from the newest checkpoint of the run folder if there is one.

        Args:
            train: training rows.
            valid: validation rows; without them no best model is kept but the last.
            callbacks: see `EpochLoop.run`.
            stop_after: see `EpochLoop.run`.

        Returns:
            The position at the end: step, epoch, best_loss, finished, ...

        Raises:
            ConfigError: the run in the folder has other settings.
            RunError: its checkpoint is torn, or the loss is no longer finite.
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        self._train, self._valid = train, valid
        return self.run(callbacks, stop_after)

    def identity(self) -> dict[str, Any]:
        """See `EpochLoop.identity`."""
        return {**super().identity(), "augment": dict(vars(self.augment))}

    def batches(self, epoch: int) -> Sequence[BatchPlan]:
        """See `EpochLoop.batches`."""
        seed = self.settings.seed
        if self.augment.active:
            tokenizer = self.policy.codec.tokenizer
            self._change = Augmenter(self.augment, tokenizer, seed, epoch, self.asked)
        return epoch_batches(self._train, self.shapes, seed, epoch)

    def gradient(
        self, values: list[Any], plan: BatchPlan, seed: np.int32
    ) -> tuple[list[Any], Any, Any]:
        """See `EpochLoop.gradient`."""
        found: tuple[list[Any], Any, Any] = self._gradient(
            values, materialise(self._train, plan, self._change), seed
        )
        return found

    def validate(self, values: list[Any]) -> dict[str, float]:
        """See `EpochLoop.validate`."""
        if self._valid is None:
            return {}
        loss = self.validation_loss(values, self._valid)
        return {"valid/loss": loss, "valid/perplexity": math.exp(min(loss, 50.0))}

    def validation_loss(self, values: list[Any], valid: TokenCache) -> float:
        """Return the mean negative log-likelihood of a token, in nats.

        Args:
            values: weights.
            valid: validation rows.

        Returns:
            The loss, without dropout or smoothing.
        """
        losses, counts = 0.0, 0.0
        for plan in epoch_batches(valid, self.shapes, 0, 0):
            loss, count = self._evaluate(values, materialise(valid, plan))
            losses += float(to_numpy(loss))
            counts += float(to_numpy(count))
        return losses / max(counts, 1.0)
