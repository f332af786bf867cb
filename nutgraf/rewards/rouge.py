"""The reward that imitates the references: a weighted mean of ROUGE F1 scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.rouge import rouge
from nutgraf.rewards.base import Values
from nutgraf.text.words import WordKind

__all__ = ["RougeReward"]


@dataclass(frozen=True)
class RougeReward:
    """Weighted mean of ROUGE-1, -2 and -L F1, each with its best reference.

    (w1 * R1 + w2 * R2 + wL * RL) / (w1 + w2 + wL) / 100. F1 and not recall, which
    copying the whole source would maximise.

    Range: [0, 1]; 0 for an empty text, None for a row without references.

    Attributes:
        rouge1: >= 0, weight of ROUGE-1.
        rouge2: >= 0, weight of ROUGE-2.
        rougeL: >= 0, weight of ROUGE-L.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Raises:
        ConfigError: a weight is negative, or all are 0.

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

    def __post_init__(self) -> None:
        """Check the weights."""
        weights = self._weights()
        fine = all(math.isfinite(w) and w >= 0 for w in weights.values())
        if not fine or not any(weights.values()):
            raise ConfigError(
                "The weights of ROUGE must be numbers >= 0, one of them > 0. Received: "
                f"{weights}. Equal weights are usual."
            )

    def _weights(self) -> dict[str, float]:
        return {"rouge1": self.rouge1, "rouge2": self.rouge2, "rougeL": self.rougeL}

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        weights = {kind: weight for kind, weight in self._weights().items() if weight}
        judged = [number for number, texts in enumerate(references) if texts]
        scores = rouge(
            [completions[number] for number in judged],
            [references[number] for number in judged],
            tuple(weights),
            self.words,
        )
        full = 100.0 * sum(weights.values())
        values: Values = [None] * len(completions)
        for place, number in enumerate(judged):
            mixed = sum(
                weight * scores[kind][place] for kind, weight in weights.items()
            )
            values[number] = float(mixed) / full
        return values
