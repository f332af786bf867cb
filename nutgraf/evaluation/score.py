"""Score the texts of a system on rows with references, and compare systems.

Every number stays one per row until it is printed, so that means, intervals and
paired tests come from one pass over the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.baselines import lead, lead_words
from nutgraf.metrics.names import METRICS
from nutgraf.metrics.overlap import (
    copied_share,
    length_ratio,
    novel_ngrams,
    repetition,
)
from nutgraf.metrics.rouge import rouge, sentence_lines, signature
from nutgraf.metrics.significance import (
    Interval,
    PairedTest,
    bootstrap_interval,
    paired_test,
)
from nutgraf.text.words import WordKind

__all__ = ["Evaluation", "Leads", "best_lead", "compare", "score_texts"]


@dataclass(frozen=True)
class Evaluation:
    """The scores of one system on one set of rows.

    Attributes:
        name: of the system, for tables.
        signature: the settings behind the ROUGE scores.
        ids: the row ids, in order; only equal ones are compared.
        rows: float64 (n,) for `rouge1 rouge2 rougeL rougeLsum`, their mean without
            Lsum as `rouge_mean`, `repetition` (of bigrams), `novel_bigrams` and
            `copied_share` (runs of three words), all 0-100; `predicted_words` and
            `wanted_words` in words.
    """

    name: str
    signature: str
    ids: tuple[str, ...]
    rows: dict[str, np.ndarray]

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.ids)

    def values(self, metric: str) -> np.ndarray:
        """Return one number per row whose mean is the score.

        For `length_ratio`, a ratio of sums, these are the first-order contributions
        of the rows: their mean is the ratio, their spread gives its interval.

        Args:
            metric: one of `METRICS`.

        Returns:
            float64 (n,); 0-100, or a ratio for `length_ratio`.

        Raises:
            ConfigError: the metric is unknown.
        """
        if metric not in METRICS:
            raise ConfigError(
                f"metric must be among {', '.join(METRICS)}. Received: {metric!r}. "
                "Correct the spelling."
            )
        if metric != "length_ratio":
            return self.rows[metric]
        predicted, wanted = self.rows["predicted_words"], self.rows["wanted_words"]
        total = max(1.0, wanted.sum())
        ratio = predicted.sum() / total
        return ratio + (predicted - ratio * wanted) * (self.n / total)

    def means(self) -> dict[str, float]:
        """Return the score of each metric.

        Returns:
            One number for each of `METRICS`: 0-100, and for `length_ratio` all words
            predicted over all words of the first references.
        """
        return {metric: float(self.values(metric).mean()) for metric in METRICS}

    def interval(self, metric: str, level: float = 0.95, seed: int = 0) -> Interval:
        """Return the score with its bootstrap interval over rows.

        Args:
            metric: one of `METRICS`.
            level: share of resampled scores inside the interval, in (0, 1).
            seed: of the resampling.

        Returns:
            Mean, low and high end, in the unit of the metric.

        Raises:
            ConfigError: the metric is unknown or `level` out of range.
        """
        return bootstrap_interval(self.values(metric), level, seed=seed)


class Leads(NamedTuple):
    """The Lead baselines of a data set.

    Attributes:
        scores: for each ROUGE metric the better one of the two; the other metrics are
            those of the Lead with the higher `rouge_mean`.
        sentence: the first sentence.
        ten_words: the first ten words.
    """

    scores: dict[str, float]
    sentence: Evaluation
    ten_words: Evaluation


def _check_rows(rows: Sequence[Row], predictions: Sequence[str]) -> None:
    if not rows or len(rows) != len(predictions):
        raise DataError(
            "There must be one prediction per row and at least one row. Received: "
            f"{len(predictions)} predictions, {len(rows)} rows. Predict every row of "
            "the file that is scored."
        )
    for row in rows:
        if not row.references:
            raise DataError(
                "A row that is scored needs a reference. Received: row "
                f"{row.id!r} ({row.origin or 'unknown origin'}) without one. Add the "
                "summary or leave the row out."
            )


def score_texts(
    rows: Sequence[Row],
    predictions: Sequence[str],
    words: WordKind = "english",
    name: str = "",
) -> Evaluation:
    """Score one prediction per row against the references and the document.

    For ROUGE-Lsum, lines are sentences where a text has line breaks; other texts are
    split by `nutgraf.text.sentences`. Everything else ignores line breaks.

    Args:
        rows: at least one, each with one or more references (the best one counts for
            ROUGE, the first one for the length).
        predictions: one text per row.
        words: "english" or "cjk", see `nutgraf.text.words`.
        name: of the system, for tables.

    Returns:
        The scores of every row.

    Raises:
        DataError: there are no rows, the numbers differ, or a row has no reference.
        ConfigError: `words` is unknown.

    Example:
        >>> rows = [Row("1", "A cat sat. It slept.", ("A cat sat.",))]
        >>> round(score_texts(rows, ["A cat slept."]).means()["rouge1"], 2)
        66.67
    """
    _check_rows(rows, predictions)
    references = [row.references for row in rows]
    documents = [row.document for row in rows]
    scores = rouge(
        [sentence_lines(text) for text in predictions],
        [[sentence_lines(text) for text in row] for row in references],
        words=words,
    )
    scores["rouge_mean"] = (
        scores["rouge1"] + scores["rouge2"] + scores["rougeL"]
    ) / 3.0
    lengths = length_ratio(predictions, references, words)
    scores["predicted_words"] = lengths.predicted.astype(np.float64)
    scores["wanted_words"] = lengths.wanted.astype(np.float64)
    scores["repetition"] = repetition(predictions, 2, words)
    scores["novel_bigrams"] = novel_ngrams(predictions, documents, 2, words)
    scores["copied_share"] = copied_share(predictions, documents, 3, words)
    return Evaluation(name, signature(words), tuple(row.id for row in rows), scores)


def compare(
    a: Evaluation, b: Evaluation, metric: str = "rouge_mean", seed: int = 0
) -> PairedTest:
    """Test whether two systems differ on the same rows.

    Args:
        a: one system.
        b: the other one.
        metric: one of `METRICS`.
        seed: of the random sign flips.

    Returns:
        Mean of a - b with its 95 % interval and the two-sided p-value.

    Raises:
        ConfigError: the metric is unknown.
        DataError: the rows or the signatures differ.

    Example:
        >>> rows = [Row("1", "A cat sat.", ("A cat sat.",))]
        >>> same = score_texts(rows, ["A cat."])
        >>> compare(same, same).p_value
        1.0
    """
    if a.ids != b.ids or a.signature != b.signature:
        raise DataError(
            "Only scores of the same rows with the same signature can be compared. "
            f"Received: {a.n} rows, {a.signature} and {b.n} rows, {b.signature}. "
            "Evaluate both systems on the same file with the same settings."
        )
    return paired_test(a.values(metric), b.values(metric), seed=seed)


def best_lead(rows: Sequence[Row], words: WordKind = "english") -> Leads:
    """Score the first sentence and the first ten words of each document.

    Args:
        rows: at least one, each with one or more references.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        The better score for each ROUGE metric, and both evaluations.

    Raises:
        DataError: there are no rows, or a row has no reference.

    Example:
        >>> rows = [Row("1", "A cat sat. It slept.", ("A cat sat.",))]
        >>> best_lead(rows).scores["rougeL"]
        100.0
    """
    sentence = score_texts(
        rows, [lead(row.document, 1) for row in rows], words, "first sentence"
    )
    ten_words = score_texts(
        rows, [lead_words(row.document, 10) for row in rows], words, "first ten words"
    )
    first, second = sentence.means(), ten_words.means()
    better = first if first["rouge_mean"] >= second["rouge_mean"] else second
    scores = {
        metric: max(first[metric], second[metric])
        if metric.startswith("rouge")
        else better[metric]
        for metric in METRICS
    }
    return Leads(scores, sentence, ten_words)
