"""A reward for mentioning what the source is about; it needs no reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.coverage import coverage
from nutgraf.rewards.base import Values
from nutgraf.text.words import WordKind

__all__ = ["CoverageReward"]


@dataclass(frozen=True)
class CoverageReward:
    """Share of the source's leading content words that a text mentions.

    Content words are stems of words with four or more letters that are no function
    words (Chinese: pairs of neighbouring characters); the `top` most frequent ones of
    the source are looked for, each once, see `nutgraf.metrics.coverage`. It is a
    recall: a list of the words gets all of it, so put a length beside it.

    Range: [0, 1]; None for a source without content words.

    Attributes:
        top: >= 1, content words of the source that are looked for.
        words: "english" or "cjk".

    Raises:
        ConfigError: `top` is less than 1.

    Example:
        >>> source = "The parser reads files. A file is read line by line."
        >>> # read, file and line are there twice, parser once; two are mentioned
        >>> CoverageReward(top=4)([source], ["It reads a file."], [[]])
        [0.5]
    """

    top: int = 20
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the count."""
        if self.top < 1:
            raise ConfigError(
                f"top must be at least 1. Received: top={self.top}. Use 20."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        shares = coverage(completions, prompts, self.top, self.words).tolist()
        return [None if math.isnan(share) else share / 100.0 for share in shares]
