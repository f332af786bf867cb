"""Score the texts of a system on rows with references, and compare systems.

Every number stays one per row until it is printed, so that scores, intervals and
paired tests come from one pass over the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.significance import (
    Interval,
    PairedTest,
    bootstrap_interval,
    paired_test,
)
from nutgraf.metrics.statistics import Statistics
from nutgraf.tasks.summarize import SUMMARIZE
from nutgraf.tasks.task import Task
from nutgraf.text.words import WordKind

__all__ = ["Evaluation", "Leads", "best_lead", "compare", "score_texts"]


@dataclass(frozen=True)
class Evaluation:
    """The scores of one system on one set of rows.

    Attributes:
        name: of the system, for tables.
        signature: the settings behind the scores.
        ids: the row ids, in order; only equal ones are compared.
        statistics: the numbers of each metric, in the order of tables.
        main: the metric that decides.
    """

    name: str
    signature: str
    ids: tuple[str, ...]
    statistics: dict[str, Statistics]
    main: str

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.ids)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in the order of tables."""
        return tuple(self.statistics)

    def of(self, metric: str) -> Statistics:
        """Return the numbers of a metric.

        Args:
            metric: one of `metrics`.

        Returns:
            Its statistics.

        Raises:
            ConfigError: the texts were not scored by it.
        """
        if metric not in self.statistics:
            raise ConfigError(
                f"metric must be among {', '.join(self.metrics)}. Received: "
                f"{metric!r}. Correct the spelling, or take one of these."
            )
        return self.statistics[metric]

    def values(self, metric: str) -> np.ndarray:
        """Return the score of each row on its own.

        Their mean is the score, but for `length_ratio`, `chrf` and `bleu`, whose counts
        are added up over the rows.

        Args:
            metric: one of `metrics`.

        Returns:
            float64 (n,); 0-100, or a ratio for `length_ratio`.

        Raises:
            ConfigError: the texts were not scored by it.
        """
        return self.of(metric).values

    def means(self) -> dict[str, float]:
        """Return the score of each metric.

        Returns:
            One number per metric, of all rows: 0-100, and for `length_ratio` all words
            predicted over all words of the first references.
        """
        return {metric: found.total for metric, found in self.statistics.items()}

    def interval(self, metric: str, level: float = 0.95, seed: int = 0) -> Interval:
        """Return the score with its bootstrap interval over rows.

        Args:
            metric: one of `metrics`.
            level: share of resampled scores inside the interval, in (0, 1).
            seed: of the resampling.

        Returns:
            Score, low and high end, in the unit of the metric.

        Raises:
            ConfigError: the metric is unknown or `level` out of range.
        """
        return bootstrap_interval(self.of(metric), level, seed=seed)


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
                f"{row.id!r} ({row.origin or 'unknown origin'}) without one. Add it, "
                "or leave the row out."
            )


def score_texts(
    rows: Sequence[Row],
    predictions: Sequence[str],
    words: WordKind = "english",
    name: str = "",
    task: Task = SUMMARIZE,
) -> Evaluation:
    """Score one prediction per row against the references and the document.

    Args:
        rows: at least one, each with one or more references (how several count is for
            each metric to say; the first one counts for the length).
        predictions: one text per row.
        words: "english" or "cjk", see `nutgraf.text.words`.
        name: of the system, for tables.
        task: says what texts are scored by.

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
    found = task.score(rows, predictions, words)
    ids = tuple(row.id for row in rows)
    return Evaluation(name, found.signature, ids, found.statistics, task.main)


def compare(
    a: Evaluation, b: Evaluation, metric: str = "", seed: int = 0
) -> PairedTest:
    """Test whether two systems differ on the same rows.

    Args:
        a: one system.
        b: the other one.
        metric: one of theirs; "" for the one that decides.
        seed: of the random swaps.

    Returns:
        Score of a - score of b with its 95 % interval and the two-sided p-value.

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
    metric = metric or a.main
    return paired_test(a.of(metric), b.of(metric), seed=seed)


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
    texts = SUMMARIZE.baselines(rows, words)
    sentence, ten_words = (
        score_texts(rows, found, words, name) for name, found in texts.items()
    )
    first, second = sentence.means(), ten_words.means()
    better = first if first["rouge_mean"] >= second["rouge_mean"] else second
    scores = {
        metric: max(first[metric], second[metric])
        if metric.startswith("rouge")
        else better[metric]
        for metric in first
    }
    return Leads(scores, sentence, ten_words)
