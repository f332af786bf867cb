import numpy as np
import pytest

from nutgraf.errors import DataError
from nutgraf.metrics.significance import paired_test
from nutgraf.search.evaluate import rankings_of, score_rankings, search_table
from nutgraf.tasks.search import METRICS
from tests.search.toy_search import toy_queries


@pytest.fixture(scope="module")
def scored(searcher):
    queries, judged = toy_queries()
    return [
        score_rankings(mode, rankings_of(searcher, queries, mode), judged)
        for mode in ("bm25", "hybrid")
    ]


def test_scores_are_those_of_the_rankings(searcher, scored):
    queries, judged = toy_queries()
    rankings = rankings_of(searcher, queries, "bm25")
    assert list(rankings) == [query.id for query in queries]
    lists, tables = list(rankings.values()), [judged[q.id] for q in queries]
    for label, metric in METRICS.items():
        np.testing.assert_array_equal(scored[0].scores[label], metric(lists, tables))
    assert scored[0].mean() == pytest.approx(scored[0].scores["nDCG@10"].mean())


def test_the_table_has_intervals_and_a_test(scored):
    table = search_table(scored)
    assert table.columns == ["search", *METRICS, "to bm25", "p"]
    assert table.rows[0][-2:] == ["", ""] and len(table.rows[1]) == len(table.columns)
    test = paired_test(scored[1].scores["nDCG@10"], scored[0].scores["nDCG@10"])
    assert table.rows[1][-1] == f"{test.p_value:.4f}"
    assert table.rows[1][-2].startswith(f"{test.difference:+.1f} [")
    assert "n = 12 queries" in table.note and "trec_eval" in table.note
    assert "p" not in search_table(scored[:1]).columns


def test_queries_without_a_relevant_document_do_not_count():
    judged = {"1": {"a": 1.0}, "2": {"a": 0.0}}
    found = score_rankings("x", {"1": ["a"], "2": ["a"], "3": ["a"]}, judged)
    assert found.scores["nDCG@10"].tolist() == [100.0]
    with pytest.raises(DataError, match="1 queries, none of them with one"):
        score_rankings("x", {"2": ["a"]}, judged)
