import numpy as np
import pytest

from nutgraf.backend import jit, to_numpy
from nutgraf.errors import DataError
from nutgraf.metrics.retrieval import ndcg
from nutgraf.search.ranking import Supervised, ranking_rows, row_arrays, validation
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.searcher import Searcher
from nutgraf.tasks.search import Query
from tests.search.toy_search import toy_queries


def test_rows_hold_candidates_and_grades(searcher, ranking):
    queries, judged = toy_queries()
    assert len(ranking) == 12
    for row, query in zip(ranking, queries, strict=True):
        assert row.query == query and len(row.candidates.numbers) == 8
        for document, grade in zip(row.candidates.documents, row.grades, strict=True):
            assert grade == judged[query.id].get(document.id, 0.0)
        assert row.ideal(10) == pytest.approx(1 + 1 / np.log2(3) + 0.5)
        assert row.ideal(2) == pytest.approx(1 + 1 / np.log2(3))


def test_what_the_search_missed_is_missed(searcher):
    queries = [Query("q", "shell buckling")]
    judged = {"q": {"heat-0": 2.0, "shell-0": 1.0, "not there": 1.0, "wing-1": 0.0}}
    (row,) = ranking_rows(searcher, queries, judged, 4)
    names = [document.id for document in row.candidates.documents]
    found = searcher.search("shell buckling", "hybrid", 4)
    assert names == [hit.document.id for hit in found] and "heat-0" not in names
    assert row.ideal(10) == pytest.approx(2 + 1 / np.log2(3) + 0.5)


def test_queries_without_relevant_documents_are_left_out(searcher):
    queries, judged = toy_queries(1)
    some = judged | {"wing?0": {"wing-0": 0.0}}
    assert len(ranking_rows(searcher, queries, some, 4)) == 3
    with pytest.raises(DataError, match="4 queries, none of them with one"):
        ranking_rows(searcher, queries, {}, 4)


def test_arrays_are_padded(ranking):
    arrays = row_arrays(Rescorer(16, "hash", 2), ranking[:2], 10)
    assert arrays["grades"].shape == (2, 10) and arrays["inputs"]["mask"].shape == (
        2,
        10,
    )
    assert not arrays["grades"][:, 8:].any()


@pytest.mark.parametrize("kind", ["listwise", "pointwise"])
def test_the_loss_falls_when_relevant_ones_get_more(kind, ranking):
    ranker = Rescorer(16, "hash", 2)
    lesson = Supervised(ranker, ranking, 8, 4, 0, kind=kind, dropout=0.0)
    arrays = lesson.arrays(0)
    values = to_numpy([one.value for one in ranker.variables])
    loss = jit(lesson.loss)
    before, found = loss(values, arrays, np.int32(0))
    assert float(found["loss/ranking"][1]) == 4
    assert float(found["loss/ranking"][0]) / 4 == pytest.approx(float(before), rel=1e-5)
    more = np.where(arrays["grades"] > 0, 0.2, -0.2).astype("float32")
    inputs = arrays["inputs"] | {"search": arrays["inputs"]["search"] + more[..., None]}
    after, _ = loss(values, arrays | {"inputs": inputs}, np.int32(0))
    assert float(after) < float(before)


@pytest.mark.parametrize("places", [1, 10])
def test_validation_is_the_metric(searcher, ranking, places):
    ranker = Rescorer(16, "hash", 2)
    values = to_numpy([one.value for one in ranker.variables])
    measured = validation(ranker, ranking, places)(values)
    again = Searcher(searcher.index, searcher.embedder, ranker, 8)
    queries, judged = toy_queries()
    numbers = [row.candidates.numbers for row in ranking]
    rows = again.candidates([query.text for query in queries], numbers)
    rankings = []
    for row, scores in zip(rows, ranker.rank(rows), strict=True):
        order = np.argsort(-scores, kind="stable")
        rankings.append([row.documents[n].id for n in order])
    scores = ndcg(rankings, [judged[query.id] for query in queries], places)
    expected = scores.mean() / 100
    assert measured == pytest.approx(expected, rel=1e-6)
