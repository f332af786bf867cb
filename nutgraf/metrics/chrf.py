"""chrF and chrF++: the numbers of the `sacrebleu` package.

An F score of character n-grams that weighs recall twice (beta 2). White space does not
count, so words need not be cut: the metric for morphology and for Chinese. As with
BLEU, a corpus score comes from the sum of the counts of its rows.

Reference: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation",
W15-3049; Popovic 2017, "chrF++: words helping character n-grams", W17-4770.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nutgraf.errors import ConfigError
from nutgraf.metrics.rows import check_references, reference_count
from nutgraf.metrics.statistics import Statistics

__all__ = ["Chrf", "chrf"]


class Chrf(NamedTuple):
    """Counts that add up over rows, and the score of each row on its own.

    Attributes:
        rows: (n, 3 k) int64, for each of k n-gram orders: n-grams of the prediction,
            of the best reference, and in both.
        sentences: (n,) float64 in 0-100.
        signature: settings and version, to be printed beside the score.
        word_order: longest word n-gram of the k; the others are characters.
    """

    rows: np.ndarray
    sentences: np.ndarray
    signature: str
    word_order: int = 0

    @property
    def score(self) -> float:
        """Corpus chrF in 0-100."""
        return float(_scores(_metric(self.word_order), self.rows.sum(axis=0)))

    @property
    def statistics(self) -> Statistics:
        """The counts with the function that makes corpus chrF of their sums."""
        score = partial(_scores, _metric(self.word_order))
        return Statistics(self.rows.astype(np.float64), score)


def _metric(word_order: int) -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=word_order)


def _scores(metric: Any, sums: np.ndarray) -> np.ndarray:
    """The score of each of the sums of counts, (..., 3 k) to (...)."""

    def score(counts: np.ndarray) -> float:
        # sacrebleu has no public name for its counts; tests hold them to its scores.
        whole = np.rint(counts).astype(int).tolist()
        return float(metric._compute_score_from_stats(whole).score)

    return np.apply_along_axis(score, -1, sums)


def chrf(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    word_order: int = 0,
) -> Chrf:
    """Count and score the character n-grams of texts.

    Case counts. With several references a row has the counts of the best one.

    Args:
        predictions: n texts.
        references: n lists of one or more texts.
        word_order: 0 for chrF, 2 for chrF++.

    Returns:
        Counts and scores of the rows; `.score` is that of the corpus.

    Raises:
        ConfigError: `word_order` is neither 0 nor 2.
        DataError: the numbers of rows differ, or a row has no reference.

    Example:
        >>> found = chrf(["the cats"], [["the cat"]])
        >>> round(found.score, 2), round(chrf(["the cats"], [["cats"]]).score, 2)
        (93.26, 79.07)

    Reference: Popovic 2015, equation 1 with beta 2 and n up to 6.
    """
    if word_order not in (0, 2):
        raise ConfigError(
            "word_order must be 0 (chrF) or 2 (chrF++). Received: "
            f"word_order={word_order}. Leave it out for chrF."
        )
    check_references(predictions, references)
    metric = _metric(word_order)
    metric.num_refs = reference_count(references)
    rows = np.zeros((len(predictions), 3 * metric.order), dtype=np.int64)
    known: dict[tuple[str, ...], Any] = {}
    for number, (text, row) in enumerate(zip(predictions, references, strict=True)):
        texts = tuple(row)
        if texts not in known:  # the samples of a prompt share their references
            known[texts] = metric._extract_reference_info(texts)
        rows[number] = metric._compute_segment_statistics(text, known[texts])
    sentences = _scores(metric, rows) if len(rows) else np.zeros(0)
    name = "chrF2" + "+" * word_order
    signature = f"{name}|{metric.get_signature().format()}"
    return Chrf(rows, sentences, signature, word_order)
