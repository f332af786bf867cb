"""A reward for plain English: Flesch reading ease on a scale of 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.readability import reading_ease
from nutgraf.rewards.base import Values

__all__ = ["ReadabilityReward"]


@dataclass(frozen=True)
class ReadabilityReward:
    """Flesch reading ease, mapped so that `hard` is 0 and `easy` is 1.

    The score is clipped to [hard, easy] and scaled linearly. Syllables are counted by
    a rule for English, see `nutgraf.metrics.readability`: other languages get numbers
    without meaning. It reads no reference.

    Range: [0, 1]; 0 for a text without words.

    Attributes:
        hard: reading ease that gets 0.
        easy: > hard, reading ease that gets 1.

    Raises:
        ConfigError: `easy` is not above `hard`.

    Example:
        >>> reward = ReadabilityReward()
        >>> # 3 words, 1 sentence, 5 syllables: 206.835 - 3.045 - 141 = 62.79
        >>> [round(v, 4) for v in reward([""], ["Plain English matters."], [[]])]
        [0.6279]

    Reference: Flesch 1948, "A new readability yardstick".
    """

    hard: float = 0.0
    easy: float = 100.0

    def __post_init__(self) -> None:
        """Check the scale."""
        if not self.hard < self.easy:
            raise ConfigError(
                "easy must be above hard. Received: "
                f"hard={self.hard}, easy={self.easy}. Leave both out for 0 and 100."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        ease = reading_ease(completions)
        scaled = (ease - self.hard) / (self.easy - self.hard)
        return list(np.clip(scaled, 0.0, 1.0).tolist())
