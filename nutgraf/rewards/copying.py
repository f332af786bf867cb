"""Rewards for own words: novel n-grams, and a penalty for long copied passages.

They need no reference. Some copying is right (names, numbers, terms), so both are for
a small weight beside a reward for content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.overlap import copied_share, longest_copied, novel_ngrams
from nutgraf.rewards.base import Values
from nutgraf.text.words import WordKind

__all__ = ["CopiedSharePenalty", "Copying", "NoveltyReward"]

Copying = Literal["share", "longest"]
"""What is called copied: all runs of n words, or the longest run alone."""


@dataclass(frozen=True)
class NoveltyReward:
    """Share of n-grams of a text that the source does not have.

    Range: [0, 1]; 0 for a text of less than n words. A text about something else is
    all novel.

    Attributes:
        n: >= 1, words per n-gram.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: `n` is less than 1.

    Example:
        >>> NoveltyReward()(["x a b y"], ["a b c"], [[]])  # a b is there, b c is not
        [0.5]

    Reference: Kryscinski et al. 2018, "Improving Abstraction in Text Summarization",
    section 2.4, arXiv 1808.07913.
    """

    n: int = 2
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the size."""
        if self.n < 1:
            raise ConfigError(
                f"n must be at least 1 word. Received: n={self.n}. Use 2 or 3."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        shares = novel_ngrams(completions, prompts, self.n, self.words)
        return [share / 100.0 for share in shares.tolist()]


@dataclass(frozen=True)
class CopiedSharePenalty:
    """Penalty on the share of a text that is copied from the source.

    With the share q: 0 for q <= free, else -(q - free) / (1 - free). By "share", q are
    the words inside runs of n or more words that the source has too; by "longest" they
    are the one longest run, whatever n.

    Range: [-1, 0]; 0 for a text without words.

    Attributes:
        n: >= 1, words of the shortest run that counts as copied.
        free: in [0, 1), share that costs nothing.
        by: "share" or "longest".
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: a value is out of range.

    Example:
        >>> source, text = "x a b c d e y", "so a b c d"
        >>> CopiedSharePenalty(n=4)([source], [text], [[]])  # 4 of 5 words
        [-0.8]
        >>> CopiedSharePenalty(n=4, free=0.6)([source], [text], [[]])
        [-0.5]

    Reference: Grusky et al. 2018, "Newsroom", section 4.1, arXiv 1804.11283 (its
    coverage is the share with n = 1).
    """

    n: int = 8
    free: float = 0.0
    by: Copying = "share"
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the values."""
        if self.n < 1 or not 0.0 <= self.free < 1.0 or self.by not in get_args(Copying):
            raise ConfigError(
                'n must be at least 1 word, free in [0, 1), by "share" or "longest". '
                f"Received: n={self.n}, free={self.free}, by={self.by!r}. Leave them "
                'out for 8, 0 and "share".'
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        if self.by == "share":
            shares = copied_share(completions, prompts, self.n, self.words)
        else:
            shares = longest_copied(completions, prompts, self.words)
        over = [max(0.0, share / 100.0 - self.free) for share in shares.tolist()]
        # Rounded: 0.8 - 0.6 is not 0.2 in binary, and -0.0 looks like a penalty.
        return [0.0 - round(part / (1.0 - self.free), 12) for part in over]
