"""Penalties on length, in words: a policy that is paid for overlap pads or clips.

Both count as the metrics do (`nutgraf.text.words`) and grow with the logarithm, so
half as long is as bad as twice as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Values
from nutgraf.text.words import WordKind, split_words

__all__ = ["LengthBandPenalty", "LengthRatioPenalty"]


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

    -min(1, max(0, |ln(c / r)| - ln(tolerance))), c and r the words of completion and
    reference; with several references the mildest one counts.

    Range: [-1, 0]; -1 for an empty text, None without a reference that has words.

    Attributes:
        tolerance: >= 1, the ratio up to which there is no penalty, either way; the
            full penalty is reached e = 2.718 times further out.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: `tolerance` is less than 1.

    Example:
        >>> reward = LengthRatioPenalty(tolerance=1.25)
        >>> # 4 words for 2: ln 2 - ln 1.25 = 0.693 - 0.223
        >>> found = reward(["", ""], ["a b c d", "a b"], [["x y"], ["x y"]])
        >>> [round(value, 3) for value in found]
        [-0.47, 0.0]
    """

    tolerance: float = 1.25
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the tolerance."""
        if not 1.0 <= self.tolerance < math.inf:
            raise ConfigError(
                "tolerance must be a ratio of at least 1. Received: "
                f"tolerance={self.tolerance}. 1.25 allows a quarter more words."
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
            _penalty(count, length / self.tolerance, length * self.tolerance)
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
