"""The settings of a training on preference pairs; importing them loads no framework."""

from __future__ import annotations

from dataclasses import dataclass

from nutgraf.ranges import check_ranges
from nutgraf.rl.settings import RLSettings

__all__ = ["PairSettings"]


@dataclass(frozen=True)
class PairSettings:
    """Settings of a training on preference pairs."""

    epochs: int = 3
    """Passes over the pairs."""
    prompts: int = 8
    """Prompts per update, each with its texts."""
    learning_rate: float = 5e-5
    """Highest learning rate of AdamW; it falls to a tenth along a cosine."""
    warmup: int = 10
    """Updates until the highest learning rate."""
    weight_decay: float = 0.01
    """Decoupled weight decay on matrices."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 = no limit."""
    evaluate_every: int = 0
    """Updates between validations; 0 = once a pass."""
    patience: int = 0
    """Validations without a better accuracy before stopping early; 0 = never."""
    source_bounds: tuple[int, ...] = (96,)
    """Lengths at which prompts are padded, below the model's longest."""
    checkpoint_every: int = 50
    """Updates between checkpoints."""
    seed: int = 0
    """Seed of order and dropout."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(
            self,
            **dict.fromkeys(("epochs", "prompts", "checkpoint_every"), ">= 1"),
            **dict.fromkeys(("warmup", "weight_decay", "clip_norm"), ">= 0"),
            **dict.fromkeys(("evaluate_every", "patience"), ">= 0"),
            learning_rate="> 0",
        )

    def for_loop(self, updates: int) -> RLSettings:
        """Return what `UpdateLoop` reads of them.

        Args:
            updates: of the whole run.

        Returns:
            The settings; targets are cut to one action, for pairs bring their texts.

        Example:
            >>> PairSettings(seed=3).for_loop(40).updates
            40
        """
        return RLSettings(
            updates=updates,
            prompts=self.prompts,
            samples=2,
            length=1,
            learning_rate=self.learning_rate,
            warmup=self.warmup,
            source_bounds=self.source_bounds,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            checkpoint_every=self.checkpoint_every,
            seed=self.seed,
        )
