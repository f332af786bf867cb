"""The rewards of short answers: exact match and token F1, as SQuAD scores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.metrics.answers import exact_match, token_f1
from nutgraf.rewards.base import Values
from nutgraf.rewards.references import against_references
from nutgraf.text.words import WordKind

__all__ = ["ExactMatchReward", "TokenF1Reward"]


@dataclass(frozen=True)
class ExactMatchReward:
    """1 for an answer that equals a reference, apart from case, articles, punctuation.

    Range: 0 or 1; None for a row without references.

    Attributes:
        words: "english" or "cjk", see `nutgraf.metrics.answers`.

    Example:
        >>> ExactMatchReward()(["", ""], ["The Army!", "navy"], [["army"]] * 2)
        [1.0, 0.0]

    Reference: Rajpurkar et al. 2016, "SQuAD", section 6.1, arXiv 1606.05250.
    """

    words: WordKind = "english"

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""

        def scores(texts: list[str], wanted: list[Sequence[str]]) -> np.ndarray:
            return exact_match(texts, wanted, self.words)

        return against_references(scores, completions, references)


@dataclass(frozen=True)
class TokenF1Reward:
    """F1 of the tokens of an answer and its best reference.

    Range: [0, 1]; None for a row without references.

    Attributes:
        words: "english" or "cjk" (each character is a token), see
            `nutgraf.metrics.answers`.

    Example:
        >>> # 1 shared token of 2 and of 1: 2 / 3
        >>> found = TokenF1Reward()([""], ["the US army"], [["army"]])
        >>> [round(value, 4) for value in found]
        [0.6667]

    Reference: Rajpurkar et al. 2016, "SQuAD", section 6.1, arXiv 1606.05250.
    """

    words: WordKind = "english"

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""

        def scores(texts: list[str], wanted: list[Sequence[str]]) -> np.ndarray:
            return token_f1(texts, wanted, self.words)

        return against_references(scores, completions, references)
