"""The reward that imitates the references: a weighted mean of ROUGE scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.rouge import Measure, rouge, sentence_lines
from nutgraf.rewards.base import Values
from nutgraf.rewards.references import against_references
from nutgraf.text.words import WordKind

__all__ = ["RougeReward"]


@dataclass(frozen=True)
class RougeReward:
    """Weighted mean of ROUGE-1, -2, -L and -Lsum, each with its best reference.

    (w1 * R1 + w2 * R2 + wL * RL + wS * RLsum) / (w1 + w2 + wL + wS) / 100. F1 and not
    recall, which copying the whole source would maximise. ROUGE-Lsum takes lines for
    sentences where a text has line breaks, and splits the other texts by rule.

    Range: [0, 1]; 0 for an empty text, None for a row without references.

    Attributes:
        rouge1: >= 0, weight of ROUGE-1.
        rouge2: >= 0, weight of ROUGE-2.
        rougeL: >= 0, weight of ROUGE-L.
        words: "english" or "cjk", see `nutgraf.text.words`.
        rougeLsum: >= 0, weight of ROUGE-Lsum.
        measure: "f1"; "recall" pays for length and "precision" for brevity: take them
            together with a reward for the length only.

    Raises:
        ConfigError: a weight is negative, all are 0, or the measure is unknown.

    Example:
        >>> reward = RougeReward(rouge1=1, rouge2=1, rougeL=0)
        >>> # R-1: 3 of 3 and of 4 words: 6/7; R-2: 2 of 2 and of 3: 4/5
        >>> [round(value, 4) for value in reward([""], ["a b c"], [["a b c d"]])]
        [0.8286]

    Reference: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """

    rouge1: float = 1.0
    rouge2: float = 1.0
    rougeL: float = 1.0
    words: WordKind = "english"
    rougeLsum: float = 0.0
    measure: Measure = "f1"

    def __post_init__(self) -> None:
        """Check the weights."""
        weights = self._weights()
        fine = all(math.isfinite(w) and w >= 0 for w in weights.values())
        if not fine or not any(weights.values()):
            raise ConfigError(
                "The weights of ROUGE must be numbers >= 0, one of them > 0. Received: "
                f"{weights}. Equal weights are usual."
            )
        if self.measure not in get_args(Measure):
            raise ConfigError(
                f"measure must be one of {', '.join(get_args(Measure))}. Received: "
                f'{self.measure!r}. Leave it out for "f1".'
            )

    def _weights(self) -> dict[str, float]:
        names = ("rouge1", "rouge2", "rougeL", "rougeLsum")
        return {name: getattr(self, name) for name in names}

    def _scores(self, texts: list[str], references: list[Sequence[str]]) -> np.ndarray:
        """Return the weighted mean for texts with references, in 0-100."""
        weights = {kind: weight for kind, weight in self._weights().items() if weight}
        if self.rougeLsum:  # the other kinds do not see line breaks
            texts = [sentence_lines(text) for text in texts]
            references = [[sentence_lines(text) for text in row] for row in references]
        scores = rouge(texts, references, tuple(weights), self.words, self.measure)
        total = np.zeros(len(texts))
        for kind, weight in weights.items():
            total += weight * scores[kind]
        return total / sum(weights.values())

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return against_references(self._scores, completions, references)
