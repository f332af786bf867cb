"""The reward that forgives other words for the same thing: BERTScore.

    parse_parts(["embedding_match(model=minilm)=1", "repetition=0.5"])

What is pickled is the name of the model alone; each process loads it when it first
judges.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, ModelError
from nutgraf.metrics.embedding_match import greedy_match
from nutgraf.metrics.rouge import Measure
from nutgraf.models.bert_folder import WEIGHTS, bert_path, is_bert
from nutgraf.ranges import check_ranges
from nutgraf.rewards.protocol import Values
from nutgraf.rewards.references import against_references

__all__ = ["EmbeddingMatchReward"]


@functools.lru_cache(maxsize=4)
def _encoder(path: Path, layer: int, stamp: tuple[int, int]) -> Any:
    """The model of a folder, loaded once for each state of its file."""
    del stamp
    from nutgraf.models.bert_folder import load_bert
    from nutgraf.models.token_vectors import TokenEncoder

    return TokenEncoder(load_bert(path), layer)


@dataclass(frozen=True)
class EmbeddingMatchReward:
    """How well the tokens of a text match those of the best reference, by a BERT.

    Each token is matched with the nearest one of the other text by the cosine of their
    states; F1 of the two means, see `nutgraf.metrics.embedding_match`. Of minilm, the
    summary of another article gets 0.23 on average, of an earlier layer 0.5 and more;
    `baseline` takes that off.

    Range: [0, 1]; 0 for an empty text, None for a row without references.

    Attributes:
        model: folder of a BERT, or "minilm". A text longer than it reads is cut.
        measure: "f1"; "recall" pays for length and "precision" for brevity: take them
            together with a reward for the length only.
        layer: the states after this block, 1 = the first; 0 = the last.
        baseline: in [0, 1), the number that becomes 0: (F1 - baseline) / (1 -
            baseline), and 0 for what is below.

    Raises:
        ModelError: the folder holds no BERT.
        DependencyError: the package of "minilm" is not installed.
        ConfigError: the measure is unknown, or a number out of range.

    Reference: Zhang et al. 2020, "BERTScore", arXiv 1904.09675.
    """

    model: str
    measure: Measure = "f1"
    layer: int = 0
    baseline: float = 0.0

    def __post_init__(self) -> None:
        """Look at the folder, so that mistakes are told at once; load nothing."""
        check_ranges(self, layer=">= 0", baseline="[0, 1)")
        if self.measure not in get_args(Measure):
            raise ConfigError(
                f"measure must be one of {', '.join(get_args(Measure))}. Received: "
                f'{self.measure!r}. Leave it out for "f1".'
            )
        path = bert_path(self.model)
        if not is_bert(path):
            raise ModelError(
                "Texts must be matched by a BERT. Received: "
                f"{self.model}, which is no folder of one. Give such a folder, or "
                "minilm."
            )

    def _scores(self, texts: list[str], references: list[Sequence[str]]) -> np.ndarray:
        """Return the match with the best reference, in 0-100."""
        path = bert_path(self.model)
        state = (path / WEIGHTS).stat()
        encoder = _encoder(path, self.layer, (state.st_mtime_ns, state.st_size))
        every = list(
            dict.fromkeys([*texts, *(one for row in references for one in row)])
        )
        vectors = dict(zip(every, encoder(every), strict=True))
        best = [
            max(
                getattr(greedy_match(vectors[text], vectors[one]), self.measure)
                for one in row
            )
            for text, row in zip(texts, references, strict=True)
        ]
        above = (np.array(best) - self.baseline) / (1.0 - self.baseline)
        return 100.0 * np.maximum(above, 0.0)

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        if not any(references):
            return [None] * len(completions)
        return against_references(self._scores, completions, references)
