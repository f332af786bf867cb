"""The settings of supervised training; importing them loads no framework."""

from __future__ import annotations

from dataclasses import dataclass

from nutgraf.ranges import check_ranges

__all__ = ["SupervisedSettings"]


@dataclass(frozen=True)
class SupervisedSettings:
    """Settings of supervised training."""

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
    label_smoothing: float = 0.1
    """Share of the probability spread over the vocabulary, in [0, 1)."""
    dropout: float = 0.1
    """Share of activations dropped, in [0, 1)."""
    accumulate: int = 1
    """Batches whose gradients make one update."""
    evaluate_every: int = 0
    """Updates between validations; 0 = once an epoch."""
    patience: int = 0
    """Validations without a better loss before stopping early; 0 = never."""
    checkpoint_every: int = 200
    """Updates between checkpoints; at most this much work is ever lost."""
    seed: int = 0
    """Seed of data order and dropout."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(
            self,
            **dict.fromkeys(("epochs", "accumulate", "checkpoint_every"), ">= 1"),
            **dict.fromkeys(("label_smoothing", "dropout", "floor"), "[0, 1)"),
            **dict.fromkeys(("warmup", "weight_decay", "clip_norm"), ">= 0"),
            **dict.fromkeys(("evaluate_every", "patience"), ">= 0"),
            learning_rate="> 0",
        )
