"""Penalties on length, in words: a policy that is paid for overlap pads or clips.

All count as the metrics do (`nutgraf.text.words`). Ratio and band grow with the
logarithm, so half as long is as bad as twice as long; overlong looks at one side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Values
from nutgraf.text.words import WordKind, split_words

__all__ = ["LengthBandPenalty", "LengthRatioPenalty", "SoftOverlongPenalty"]


def _count(text: str, words: WordKind) -> int:
    return len(split_words(text, words, stem=False))


def _penalty(count: int, low: float, high: float) -> float:
    """Return the log distance of a count from a band, negated, not below -1."""
    if count == 0:
        return -1.0
    return max(-1.0, min(math.log(count / low), math.log(high / count), 0.0))


@dataclass(frozen=True)
class LengthRatioPenalty:
    """Penalty for being much longer or shorter than the reference.

    With the ratio q = c / r of the words of completion and reference: 0 for
    low <= q <= high; -min(1, ln(low / q)) below; -min(1, ln(q / high)) above. With
    several references the mildest one counts.

    Samples are longer than the greedy text of the same policy: where that one gets too
    short, a band above 1, such as 1 to 2, holds against it.

    Range: [-1, 0]; -1 for an empty text, None without a reference that has words.

    Attributes:
        low: > 0, the smallest ratio without penalty.
        high: >= low, the largest.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: not 0 < low <= high.

    Example:
        >>> reward = LengthRatioPenalty(low=0.8, high=1.25)
        >>> # 4 words for 2: ln(2 / 1.25)
        >>> found = reward(["", ""], ["a b c d", "a b"], [["x y"], ["x y"]])
        >>> [round(value, 3) for value in found]
        [-0.47, 0.0]
    """

    low: float = 0.8
    high: float = 1.25
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the band."""
        if not 0.0 < self.low <= self.high < math.inf:
            raise ConfigError(
                "The band must have 0 < low <= high, words of a text over words of its "
                f"reference. Received: low={self.low}, high={self.high}. 0.8 and 1.25 "
                "allow a fifth less and a quarter more."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return [
            self._best(_count(text, self.words), wanted)
            for text, wanted in zip(completions, references, strict=True)
        ]

    def _best(self, count: int, references: Sequence[str]) -> float | None:
        lengths = [_count(text, self.words) for text in references]
        penalties = [
            _penalty(count, length * self.low, length * self.high)
            for length in lengths
            if length
        ]
        return max(penalties, default=None)


@dataclass(frozen=True)
class LengthBandPenalty:
    """Penalty for leaving a band of lengths; needs no reference.

    With c words: 0 for low <= c <= high; -min(1, ln(low / c)) below;
    -min(1, ln(c / high)) above.

    Range: [-1, 0]; -1 for an empty text.

    Attributes:
        low: >= 1, words.
        high: >= low, words.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: not 1 <= low <= high.

    Example:
        >>> reward = LengthBandPenalty(low=2, high=3)
        >>> # 1 word: ln(2 / 1); 4 words: ln(4 / 3)
        >>> found = reward([""] * 3, ["a", "a b", "a b c d"], [[]] * 3)
        >>> [round(value, 3) for value in found]
        [-0.693, 0.0, -0.288]
    """

    low: int
    high: int
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the band."""
        if not 1 <= self.low <= self.high:
            raise ConfigError(
                "The band must have 1 <= low <= high words. Received: "
                f"low={self.low}, high={self.high}. Swap them, or raise low to 1."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return [
            _penalty(_count(text, self.words), self.low, self.high)
            for text in completions
        ]


@dataclass(frozen=True)
class SoftOverlongPenalty:
    """Penalty that grows over the last words before a limit; needs no reference.

    With c words: 0 for c <= limit - buffer; (limit - buffer - c) / buffer up to the
    limit; -1 above it. DAPO counts tokens; here they are words, so that the penalty
    does not depend on the tokenizer.

    Range: [-1, 0]; 0 for an empty text.

    Attributes:
        limit: words above which a text gets -1.
        buffer: 1 to limit, words before the limit over which the penalty grows.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: not 1 <= buffer <= limit.

    Example:
        >>> reward = SoftOverlongPenalty(limit=4, buffer=2)
        >>> # 2 words are free, each of the next two costs a half
        >>> reward([""] * 4, ["a b", "a b c", "a b c d", "a b c d e"], [[]] * 4)
        [0.0, -0.5, -1.0, -1.0]

    Reference: Yu et al. 2025, "DAPO", equation 13, arXiv 2503.14476.
    """

    limit: int
    buffer: int
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the limits."""
        if not 1 <= self.buffer <= self.limit:
            raise ConfigError(
                "The penalty must have 1 <= buffer <= limit, in words. Received: "
                f"limit={self.limit}, buffer={self.buffer}. A fifth of the limit is a "
                "usual buffer."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        free = self.limit - self.buffer
        counts = [_count(text, self.words) for text in completions]
        return [min(0.0, max(-1.0, (free - count) / self.buffer)) for count in counts]
