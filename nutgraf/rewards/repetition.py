"""A penalty for saying things twice, which rewards of overlap bring along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.overlap import repetition
from nutgraf.rewards.base import Values
from nutgraf.text.words import WordKind, split_words

__all__ = ["RepetitionPenalty"]

# Words of this many letters or more carry content, shorter ones (the, of, and) must
# recur. Single ideographs are below it: they recur in different words.
_CONTENT_LETTERS = 4


def _content_share(text: str, words: WordKind) -> float:
    """Return the share of content words that were there before, in 0-1."""
    found = [
        word
        for word in split_words(text, words, stem=False)
        if len(word) >= _CONTENT_LETTERS
    ]
    return 1.0 - len(set(found)) / len(found) if found else 0.0


@dataclass(frozen=True)
class RepetitionPenalty:
    """Penalty on repeated content words and n-grams within a text.

    -mean over `sizes` of (1 - distinct / all n-grams). For n = 1 only words of four or
    more letters count, so that "the" and "of" may recur. It reads no reference.

    Range: [-1, 0]; 0 for a text in which nothing recurs, or without words.

    Attributes:
        sizes: words per n-gram, each >= 1.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: `sizes` is empty or holds a size less than 1.

    Example:
        >>> reward = RepetitionPenalty()
        >>> # content: model model, 1/2; pairs: "the model" again, 1/4; triples: 0/3
        >>> reward([""], ["the model is the model"], [[]])
        [-0.25]
    """

    sizes: tuple[int, ...] = (1, 2, 3)
    words: WordKind = "english"

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not self.sizes or min(self.sizes) < 1:
            raise ConfigError(
                "sizes must name one or more n-gram sizes >= 1. Received: "
                f"sizes={self.sizes}. (1, 2, 3) is usual."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        totals = [0.0] * len(completions)
        for size in self.sizes:
            if size == 1:
                shares = [_content_share(text, self.words) for text in completions]
            else:
                percent = repetition(completions, size, self.words)
                shares = [float(share) / 100.0 for share in percent]
            totals = [sum(pair) for pair in zip(totals, shares, strict=True)]
        return [0.0 - total / len(self.sizes) for total in totals]
