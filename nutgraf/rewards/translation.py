"""The rewards of translation: sentence BLEU and chrF, as `sacrebleu` computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.bleu import Tokenize, bleu, tokenize_for
from nutgraf.metrics.chrf import chrf
from nutgraf.rewards.base import Values
from nutgraf.rewards.references import against_references
from nutgraf.text.words import WordKind

__all__ = ["BleuReward", "ChrfReward"]


@dataclass(frozen=True)
class BleuReward:
    """Sentence BLEU against all references of a row, divided by 100.

    Smoothed ("exp") and without the orders that a text is too short for, so a sentence
    without a shared 4-gram still gets something. Several references are pooled, as
    BLEU has it; the brevity penalty looks at the one nearest in length.

    Range: [0, 1]; 0 for an empty text, None for a row without references.

    Attributes:
        words: "english" or "cjk"; the tokenizer is "13a" or "zh".
        tokenize: another tokenizer of sacrebleu, see `nutgraf.metrics.bleu`; "" takes
            the one of `words`.

    Raises:
        ConfigError: the tokenizer is unknown.

    Example:
        >>> reward = BleuReward()
        >>> # 3/3, 2/2 and 1/1 n-grams; 3 words for 4: exp(1 - 4/3)
        >>> [round(value, 4) for value in reward([""], ["a b c"], [["a b c d"]])]
        [0.7165]

    Reference: Papineni et al. 2002, "BLEU"; Chen and Cherry 2014, "A Systematic
    Comparison of Smoothing Techniques for Sentence-Level BLEU", method 3.
    """

    words: WordKind = "english"
    tokenize: Tokenize | Literal[""] = ""

    def __post_init__(self) -> None:
        """Check the tokenizer."""
        if self.tokenize and self.tokenize not in get_args(Tokenize):
            raise ConfigError(
                f"tokenize must be one of {', '.join(get_args(Tokenize))}. Received: "
                f"{self.tokenize!r}. Leave it out for that of the words."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        tokenize = self.tokenize or tokenize_for(self.words)

        def scores(texts: list[str], wanted: list[Sequence[str]]) -> np.ndarray:
            return bleu(texts, wanted, tokenize).sentences

        return against_references(scores, completions, references)


@dataclass(frozen=True)
class ChrfReward:
    """F score of character n-grams with the best reference, divided by 100.

    Smoother than BLEU: part of a word counts, and recall twice as much as precision.

    Range: [0, 1]; 0 for an empty text, None for a row without references.

    Attributes:
        word_order: 0 for chrF, 2 for chrF++, which counts word n-grams as well.

    Raises:
        ConfigError: `word_order` is neither 0 nor 2.

    Example:
        >>> # All n-grams of the reference are there; of those of the text, 6/7 letters,
        >>> # 5/6 pairs, ... 1/2: precision 0.734, recall 1, (1 + 4) p r / (4 p + r)
        >>> [round(v, 4) for v in ChrfReward()([""], ["the cats"], [["the cat"]])]
        [0.9326]

    Reference: Popovic 2015, "chrF", W15-3049.
    """

    word_order: int = 0

    def __post_init__(self) -> None:
        """Check the order."""
        if self.word_order not in (0, 2):
            raise ConfigError(
                "word_order must be 0 (chrF) or 2 (chrF++). Received: "
                f"word_order={self.word_order}. Leave it out for chrF."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""

        def scores(texts: list[str], wanted: list[Sequence[str]]) -> np.ndarray:
            return chrf(texts, wanted, self.word_order).sentences

        return against_references(scores, completions, references)
