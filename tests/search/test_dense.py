"""The bi-encoder: an embedder, a ranker, trained by contrast and by RL."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import DataError
from nutgraf.search.dense import Contrastive, load_bi_encoder, pairs_of
from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.loop import SearchLoop
from nutgraf.search.ranking import ranking_rows, validation
from nutgraf.search.ranking_rl import RankingRL
from nutgraf.search.searcher import Searcher
from nutgraf.search.settings import LoopSettings
from nutgraf.tasks.search import Query
from tests.search.toy_search import toy_bi_encoder, toy_documents, toy_queries

TEXTS = [document.content for document in toy_documents()]


@pytest.fixture(scope="module")
def model():
    return toy_bi_encoder()


def values_of(model):
    return to_numpy([one.value for one in model.variables])


def test_vectors_have_length_1_and_a_name(model):
    found = model(["wing lift", "a", ""])
    assert found.shape == (3, 16) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)
    assert model.name.startswith("bert-") and toy_bi_encoder().name == model.name
    assert model.window == 32 and model.tokens("") == 2
    assert model.tokens("wing " * 99) > 99


def test_saved_and_loaded_it_is_the_same(model, tmp_path):
    values = [value + np.float32(0.01) for value in values_of(model)]
    other = toy_bi_encoder()
    other.save(tmp_path / "m", values)
    again = load_bi_encoder(tmp_path / "m")
    assert again.name != model.name and again.window == 32
    np.testing.assert_allclose(again(TEXTS[:3]), other(TEXTS[:3]), rtol=1e-5, atol=1e-6)


def test_an_index_of_it_is_searched(model, tmp_path):
    build_index(tmp_path / "i", toy_documents(), model)
    searcher = Searcher(open_index(tmp_path / "i"), model)
    assert searcher.modes()[-1] == "hybrid"
    found = searcher.search(TEXTS[7], "dense", 3)
    assert found[0].document.content == TEXTS[7]
    assert found[0].score == pytest.approx(1.0, abs=1e-4)


def test_as_a_ranker_it_gives_cosines(model, searcher, ranking):
    row = ranking[0].candidates
    (scores,) = model.rank([row])
    own = model([document.content for document in row.documents])
    expected = own @ model([row.query])[0] / model.temperature
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-3)  # over 0.05


def test_pairs_have_hard_negatives_that_are_not_relevant(searcher):
    queries, judged = toy_queries()
    pairs = pairs_of(searcher, queries, judged, 2)
    assert len(pairs) == 12 * 3
    for pair in pairs:
        assert pair.document in pair.relevant and len(pair.relevant) == 3
        assert not pair.relevant.intersection(pair.negatives)
    first = pairs[0]
    best = searcher.index.bm25.search(first.query, 24)[0].tolist()
    hard = [number for number in best if number not in first.relevant]
    assert list(first.negatives) == hard[:2]
    assert [len(one.negatives) for one in pairs_of(searcher, queries, judged, 0)] == [
        0
    ] * 36
    with pytest.raises(DataError, match="1 queries without any"):
        pairs_of(searcher, [Query("q", "a")], {"q": {"absent": 1.0}}, 1)


def test_documents_that_answer_too_are_no_negatives(model, searcher):
    queries, judged = toy_queries()
    pairs = pairs_of(searcher, queries, judged, 1)
    arrays = Contrastive(model, TEXTS, pairs, 1, 6, 0).arrays(3)
    assert arrays["allowed"].shape == (6, 12)
    assert not arrays["allowed"][np.arange(6), np.arange(6)].any()  # own: by the loss
    assert arrays["queries"].ids.shape[0] == 6
    assert arrays["documents"].ids.shape[0] == 12


@pytest.mark.parametrize("objective", ["contrastive", "rl"])
def test_it_learns(searcher, tmp_path, objective):
    model = toy_bi_encoder(temperature=0.1)
    queries, judged = toy_queries()
    rows = ranking_rows(searcher, queries, judged, 12)
    measure = validation(model, rows)
    before = measure(values_of(model))
    settings = LoopSettings(
        updates=40, batch=8, learning_rate=5e-3, evaluate_every=20, warmup=0
    )
    if objective == "rl":
        lesson = RankingRL(model, rows, 12, 8, 0, places=5)
    else:
        pairs = pairs_of(searcher, queries, judged, 1)
        lesson = Contrastive(model, TEXTS, pairs, 1, 8, 0, dropout=0.0)
    position = SearchLoop(model, lesson, settings, tmp_path / "run", measure).fit()
    assert position["best"] > before and position["best"] > 0.95
    again = load_bi_encoder(tmp_path / "run" / "best", 0.1)
    found = validation(again, rows)(values_of(again))
    assert found == pytest.approx(position["best"], abs=1e-5)
