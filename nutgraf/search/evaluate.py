"""How good searches are: rankings of all queries, scored, compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nutgraf.errors import DataError
from nutgraf.evaluation.table import ScoreTable
from nutgraf.metrics.significance import bootstrap_interval, paired_test
from nutgraf.search.searcher import Mode, Searcher
from nutgraf.tasks.search import METRICS, Judgements, Query

__all__ = ["SearchScores", "rankings_of", "score_rankings", "search_table"]

DEEPEST = 100
"""Places of a ranking that are scored."""


@dataclass(frozen=True)
class SearchScores:
    """A search and the scores of its queries.

    Attributes:
        name: of the search.
        scores: metric -> (n,) float64 in 0-100, in the order of the queries.
    """

    name: str
    scores: dict[str, np.ndarray]

    def mean(self, metric: str = "nDCG@10") -> float:
        """Return the mean over queries.

        Args:
            metric: a key of `nutgraf.tasks.search.METRICS`.

        Returns:
            The mean, 0-100.
        """
        return float(self.scores[metric].mean())


def rankings_of(
    searcher: Searcher, queries: Sequence[Query], mode: Mode
) -> dict[str, list[str]]:
    """Search for all queries.

    Args:
        searcher: the searcher.
        queries: what is asked.
        mode: see `Searcher.search`.

    Returns:
        Query id -> ids of the documents found, best first, at most 100.
    """
    found = searcher.search_all([query.text for query in queries], mode, DEEPEST)
    return {
        query.id: [hit.document.id for hit in hits]
        for query, hits in zip(queries, found, strict=True)
    }


def score_rankings(
    name: str, rankings: Mapping[str, Sequence[str]], judged: Judgements
) -> SearchScores:
    """Score rankings.

    Args:
        name: of the search.
        rankings: query id -> document ids, best first.
        judged: the judgements; only queries with a relevant document count.

    Returns:
        The scores.

    Raises:
        DataError: no query has a relevant document.

    Example:
        >>> found = score_rankings("a", {"1": ["x", "y"]}, {"1": {"y": 1.0}})
        >>> round(found.mean(), 2)
        63.09
    """
    kept = [
        query
        for query in rankings
        if any(grade > 0 for grade in judged.get(query, {}).values())
    ]
    if not kept:
        raise DataError(
            "There must be a query with a relevant document. Received: "
            f"{len(rankings)} queries, none of them with one. Check that queries and "
            "judgements have the same ids."
        )
    lists, tables = [rankings[q] for q in kept], [judged[q] for q in kept]
    scores = {label: metric(lists, tables) for label, metric in METRICS.items()}
    return SearchScores(name, scores)


def search_table(systems: Sequence[SearchScores]) -> ScoreTable:
    """Put searches beside each other.

    Args:
        systems: one or more, scored on the same queries; the others are tested against
            the first.

    Returns:
        The table; cells are "mean [low, high]", the 95 % bootstrap interval over
        queries.

    Example:
        >>> judged = {"1": {"y": 1.0}}
        >>> found = [score_rankings("a", {"1": ["y"]}, judged)]
        >>> search_table(found).rows[0][:2]
        ['a', '100.0 [100.0, 100.0]']
    """
    first = systems[0]
    rows = []
    for system in systems:
        cells = [system.name]
        for label in METRICS:
            mean, low, high = bootstrap_interval(system.scores[label])
            cells.append(f"{mean:.1f} [{low:.1f}, {high:.1f}]")
        rows.append(cells)
    columns = ["search", *METRICS]
    count = len(first.scores["nDCG@10"])
    note = f"n = {count} queries, 95 % bootstrap intervals"
    if len(systems) > 1:
        columns += [f"to {first.name}", "p"]
        rows[0] += ["", ""]
        for cells, system in zip(rows[1:], systems[1:], strict=True):
            test = paired_test(system.scores["nDCG@10"], first.scores["nDCG@10"])
            change = f"{test.difference:+.1f} [{test.low:+.1f}, {test.high:+.1f}]"
            cells += [change, f"{test.p_value:.4f}"]
        note += f"; p: paired test of nDCG@10 against {first.name}"
    note += "\nnDCG with linear gains, as trec_eval; relevant: grade above 0"
    return ScoreTable(columns, rows, note)
