"""The settings that all group methods share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nutgraf.arrays import Processors
from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

__all__ = ["RLSettings"]


@dataclass(frozen=True)
class RLSettings:
    """Settings of an RL run with groups of samples."""

    updates: int = 200
    """Number of updates (rollouts)."""
    prompts: int = 16
    """Prompts per update."""
    samples: int = 8
    """Samples per prompt."""
    length: int = 32
    """Most actions per sample."""
    learning_rate: float = 1e-4
    """Highest learning rate of AdamW; it falls to a tenth along a cosine."""
    warmup: int = 10
    """Updates until the highest learning rate."""
    epochs: int = 1
    """Updates per rollout."""
    kl_weight: float = 0.02
    """Weight of the KL divergence to the start, per token."""
    supervised_weight: float = 0.0
    """Weight of the references' cross-entropy mixed into the loss."""
    entropy_weight: float = 0.0
    """Weight of the entropy per token, which is rewarded; a few hundredths at most."""
    temperature: float = 1.0
    """Temperature of sampling; the policy's own distribution at 1."""
    top_k: int = 0
    """Sample among the k likeliest actions only; 0 = all."""
    top_p: float = 1.0
    """Sample in the smallest set of this probability only; 1 = all."""
    mask_truncated: bool = False
    """Samples cut by the length limit are neither learned nor compared with."""
    overlong_buffer: int = 0
    """Actions before the limit over which a penalty grows from 0 to 1; 0 = none."""
    on_error: Literal["stop", "skip"] = "stop"
    """What a sample does on which the reward raises: stop the run, or be left out."""
    micro_prompts: int = 0
    """Prompts per gradient, to save memory; 0 = all at once."""
    source_bounds: tuple[int, ...] = (96,)
    """Lengths at which sources are padded, below the model's longest."""
    weight_decay: float = 0.0
    """Decoupled weight decay on matrices."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 = no limit."""
    checkpoint_every: int = 50
    """Updates between checkpoints."""
    seed: int = 0
    """Seed of prompts and samples."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        counts = "updates", "prompts", "samples", "length", "epochs", "checkpoint_every"
        weights = "kl_weight", "supervised_weight", "entropy_weight", "weight_decay"
        check_ranges(
            self,
            **dict.fromkeys(counts, ">= 1"),
            **dict.fromkeys((*weights, "warmup", "clip_norm", "micro_prompts"), ">= 0"),
            learning_rate="> 0",
        )
        Processors(self.temperature, self.top_k, self.top_p)  # which has their ranges
        if not 0 <= self.overlong_buffer < self.length:
            raise ConfigError(
                f"overlong_buffer must be in [0, {self.length}), below `length`. "
                f"Received: overlong_buffer={self.overlong_buffer}. 0 turns the "
                "penalty off."
            )
        if self.micro_prompts and self.prompts % self.micro_prompts:
            raise ConfigError(
                f"micro_prompts must divide prompts={self.prompts}, or be 0. Received: "
                f"micro_prompts={self.micro_prompts}. 0 takes all at once."
            )

    def fitted(self, longest: int) -> RLSettings:
        """Refuse samples that are longer than a model writes.

        Args:
            longest: most actions of a text of the model.

        Returns:
            These settings.

        Raises:
            ConfigError: the samples are longer.
        """
        if self.length > longest:
            raise ConfigError(
                f"rl.length must be at most {longest}, the longest text of this model. "
                f"Received: rl.length={self.length}. Lower it."
            )
        return self
