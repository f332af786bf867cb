"""Learning to rank candidates: rows, batches, and the supervised lesson.

A row is a query with the first C documents of a search, their grades, and those of all
that was judged. Relevant documents that the search missed are not put among
them: a ranker would learn that what the search thinks little of is good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from keras import ops

from nutgraf.errors import DataError
from nutgraf.layers.dropout import Dropout
from nutgraf.metrics.retrieval import discounts, gains_of, ideal_gain
from nutgraf.objectives.listwise import listwise_loss, pointwise_loss
from nutgraf.search.loop import batch_of
from nutgraf.search.searcher import Candidates, Searcher
from nutgraf.tasks.search import Judgements, Query

__all__ = ["RankingRow", "Supervised", "TrainableRanker", "ranking_rows"]
__all__ += ["row_arrays", "validation"]

Array = Any


class RankingRow(NamedTuple):
    """A query whose candidates are judged.

    Attributes:
        query: what is asked.
        candidates: at most C documents.
        grades: (n,) float32 >= 0, what finding each is worth.
        judged: (m,) float32, grades of all judged documents.
    """

    query: Query
    candidates: Candidates
    grades: np.ndarray
    judged: np.ndarray

    def ideal(self, places: int) -> float:
        """Return the discounted gain of the best ranking of all judged documents.

        Args:
            places: that count, the k of nDCG@k.

        Returns:
            The gain, above 0 where a document is relevant.
        """
        return ideal_gain(self.judged, places)


class TrainableRanker(Protocol):
    """A ranker as a pure function of its weights.

    Attributes:
        variables: its Keras variables.
    """

    variables: list[Any]

    def arrays(self, rows: Sequence[Candidates], width: int) -> dict[str, np.ndarray]:
        """Return candidates as arrays.

        Args:
            rows: P queries with at most `width` candidates each.
            width: C.

        Returns:
            Arrays with leading axes (P, C) or (P,); "mask" (P, C) bool among them.
        """

    def scores(
        self,
        values: list[Array],
        arrays: dict[str, Array],
        dropout: Dropout | None = None,
    ) -> Array:
        """Score candidates.

        Args:
            values: the weights, in the order of `variables`.
            arrays: of `arrays`.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            (P, C) float32; the higher, the better.
        """

    def rank_with(
        self, values: list[Array], rows: Sequence[Candidates]
    ) -> list[np.ndarray]:
        """Rank with given weights.

        Args:
            values: the weights, in the order of `variables`.
            rows: candidates of each query.

        Returns:
            (n,) float32 scores of each query's candidates.
        """

    def rank(self, rows: Sequence[Candidates]) -> list[np.ndarray]:
        """See `nutgraf.search.searcher.Ranker`."""

    def save(self, folder: Path, values: list[np.ndarray]) -> None:
        """See `nutgraf.search.loop.Trainable`."""


def ranking_rows(
    searcher: Searcher,
    queries: Sequence[Query],
    judged: Judgements,
    count: int,
) -> list[RankingRow]:
    """Search for queries and look their documents' grades up.

    Args:
        searcher: without a ranker; hybrid search, BM25 without vectors.
        queries: those without a relevant document are left out.
        judged: the judgements.
        count: C, most candidates.

    Returns:
        The rows; a query for which nothing is found has none.

    Raises:
        DataError: no row is left.
    """
    kept = [q for q in queries if any(g > 0 for g in judged.get(q.id, {}).values())]
    mode = searcher.modes()[-1]
    found = searcher.search_all([query.text for query in kept], mode, count)
    rows = [
        (query, np.array([hit.number for hit in hits], np.int64))
        for query, hits in zip(kept, found, strict=True)
        if hits
    ]
    if not rows:
        raise DataError(
            "There must be a query with a relevant document. Received: "
            f"{len(queries)} queries, none of them with one. Check that the ids of "
            "queries, judgements and index are the same."
        )
    candidates = searcher.candidates(
        [query.text for query, _ in rows], [numbers for _, numbers in rows]
    )
    return [
        _row(query, own, judged[query.id])
        for (query, _), own in zip(rows, candidates, strict=True)
    ]


def _row(query: Query, candidates: Candidates, judged: dict[str, float]) -> RankingRow:
    grades = [judged.get(document.id, 0.0) for document in candidates.documents]
    gains, best = (
        gains_of(one).astype(np.float32) for one in (grades, [*judged.values()])
    )
    return RankingRow(query, candidates, gains, best)


def row_arrays(
    ranker: TrainableRanker, rows: Sequence[RankingRow], width: int
) -> dict[str, Any]:
    """Return rows as arrays.

    Args:
        ranker: reads the candidates.
        rows: P rows.
        width: C.

    Returns:
        "inputs" of the ranker, "grades" (P, C) float32.
    """
    grades = np.zeros((len(rows), width), np.float32)
    for own, row in zip(grades, rows, strict=True):
        own[: len(row.grades)] = row.grades
    inputs = ranker.arrays([row.candidates for row in rows], width)
    return {"inputs": inputs, "grades": grades}


class Supervised:
    """The lesson of a ranker from grades.

    Args:
        ranker: what is trained.
        rows: the training rows.
        width: C.
        batch: queries per update.
        seed: of the order of the rows.
        kind: "listwise" or "pointwise" loss.
        dropout: share of activations dropped, in [0, 1).
    """

    def __init__(
        self,
        ranker: TrainableRanker,
        rows: Sequence[RankingRow],
        width: int,
        batch: int,
        seed: int,
        *,
        kind: Literal["listwise", "pointwise"] = "listwise",
        dropout: float = 0.1,
    ) -> None:
        """Keep all."""
        self.ranker = ranker
        self.rows = rows
        self.width = width
        self.batch = batch
        self.seed = seed
        self.dropout = dropout
        self._pointwise = kind == "pointwise"

    def arrays(self, step: int) -> dict[str, Any]:
        """See `Lesson.arrays`."""
        chosen = batch_of(len(self.rows), self.batch, self.seed, step)
        return row_arrays(self.ranker, [self.rows[n] for n in chosen], self.width)

    def loss(
        self, values: list[Array], arrays: dict[str, Any], seed: Array
    ) -> tuple[Array, dict[str, tuple[Array, Array]]]:
        """See `Lesson.loss`."""
        inputs, grades = arrays["inputs"], arrays["grades"]
        scores = self.ranker.scores(values, inputs, Dropout(self.dropout, seed))
        if self._pointwise:
            wanted = ops.minimum(grades, 1.0)
            losses = pointwise_loss(scores, wanted, inputs["mask"])
        else:
            losses = listwise_loss(scores, grades, inputs["mask"])
        total, count = ops.sum(losses), ops.cast(ops.shape(losses)[0], "float32")
        return total / count, {"loss/ranking": (total, count)}


def validation(
    ranker: TrainableRanker, rows: Sequence[RankingRow], places: int = 10
) -> Callable[[list[np.ndarray]], float]:
    """Return a function that measures a ranker on rows.

    Args:
        ranker: what is measured.
        rows: the rows.
        places: the k of nDCG@k.

    Returns:
        weights -> mean nDCG@k in 0-1; what the search missed counts as missed.
    """

    def measure(values: list[np.ndarray]) -> float:
        worth = discounts(places)
        found = []
        ranked = ranker.rank_with(values, [row.candidates for row in rows])
        for row, scores in zip(rows, ranked, strict=True):
            order = np.argsort(-scores, kind="stable")[:places]
            gain = float(row.grades[order] @ worth[: len(order)])
            best = row.ideal(places)
            found.append(gain / best if best else 0.0)
        return float(np.mean(found))

    return measure
