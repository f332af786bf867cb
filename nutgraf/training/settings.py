"""The settings of supervised training; importing them loads no framework."""

from __future__ import annotations

from dataclasses import dataclass

from nutgraf.errors import ConfigError

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
        for name in ("epochs", "accumulate", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be an integer >= 1. Received: "
                    f"{name}={getattr(self, name)}. Leave it out for "
                    f"{getattr(type(self), name)}."
                )
        for name in ("label_smoothing", "dropout", "floor"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(
                    f"{name} must be in [0, 1). Received: {name}={getattr(self, name)}."
                    f" Leave it out for {getattr(type(self), name)}."
                )
        for name in (
            "warmup",
            "weight_decay",
            "clip_norm",
            "evaluate_every",
            "patience",
        ):
            if getattr(self, name) < 0:
                raise ConfigError(
                    f"{name} must be >= 0. Received: {name}={getattr(self, name)}. "
                    f"Leave it out for {getattr(type(self), name)}."
                )
        if not self.learning_rate > 0:
            raise ConfigError(
                "learning_rate must be > 0. Received: "
                f"learning_rate={self.learning_rate}. Leave it out for 1e-3."
            )
