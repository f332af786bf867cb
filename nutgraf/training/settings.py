"""The settings of training by epochs; importing them loads no framework."""

from __future__ import annotations

from dataclasses import dataclass

from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

__all__ = ["SupervisedSettings", "TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training by epochs."""

    epochs: int = 10
    """Passes over the training data."""
    learning_rate: float = 1e-3
    """Highest learning rate of AdamW."""
    warmup: int = 400
    """Updates until the highest learning rate."""
    floor: float = 0.02
    """Share of the learning rate that is left at the end."""
    weight_decay: float = 0.01
    """Decoupled weight decay on matrices."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 = no limit."""
    dropout: float = 0.1
    """Share of activations dropped, in [0, 1)."""
    accumulate: int = 1
    """Batches whose gradients make one update."""
    evaluate_every: int = 0
    """Updates between validations, with one at the end; 0 = once an epoch."""
    patience: int = 0
    """Validations without a better loss before stopping early; 0 = never."""
    checkpoint_every: int = 200
    """Updates between checkpoints; at most this much work is ever lost."""
    seed: int = 0
    """Seed of data order and dropout."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, **self._ranges())

    def _ranges(self) -> dict[str, str]:
        """Field -> range, as `check_ranges` takes them."""
        return {
            **dict.fromkeys(("epochs", "accumulate", "checkpoint_every"), ">= 1"),
            **dict.fromkeys(("dropout", "floor"), "[0, 1)"),
            **dict.fromkeys(("warmup", "weight_decay", "clip_norm"), ">= 0"),
            **dict.fromkeys(("evaluate_every", "patience"), ">= 0"),
            "learning_rate": "> 0",
        }


@dataclass(frozen=True)
class SupervisedSettings(TrainingSettings):
    """Settings of supervised training."""

    label_smoothing: float = 0.1
    """Share of the probability spread over the vocabulary, in [0, 1)."""
    r_drop: float = 0.0
    """Weight of R-Drop: each batch is read with two dropouts, whose distributions shall
    agree; takes twice the time. 0 = off, 1 to 5 are usual."""

    def __post_init__(self) -> None:
        """Check the ranges, and that there is a dropout for R-Drop."""
        super().__post_init__()
        if self.r_drop and not self.dropout:
            raise ConfigError(
                "r_drop compares two dropouts: dropout must be > 0 with it. Received: "
                f"r_drop={self.r_drop}, dropout={self.dropout}. Leave one of them out."
            )

    def _ranges(self) -> dict[str, str]:
        return {**super()._ranges(), "label_smoothing": "[0, 1)", "r_drop": ">= 0"}
