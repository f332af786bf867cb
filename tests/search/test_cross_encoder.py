"""Starts as the search, learns from pairs, is saved and loaded; pairs are cut."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.search.cross_encoder import CrossEncoder
from nutgraf.search.first_stage import START, first_stage_arrays, first_stage_scores
from nutgraf.search.loop import SearchLoop
from nutgraf.search.rankers import load_ranker
from nutgraf.search.ranking import Supervised, validation
from nutgraf.search.ranking_rl import RankingRL
from nutgraf.search.settings import LoopSettings
from tests.search.toy_search import toy_bert


@pytest.fixture
def cross():
    return CrossEncoder(*toy_bert(), max_length=32)


def values_of(model):
    return to_numpy([one.value for one in model.variables])


def with_head(cross):
    """Weights whose head is not 0."""
    values = values_of(cross)
    values[-1] = (
        np.random.default_rng(0).normal(size=values[-1].shape).astype("float32")
    )
    return values


def test_it_starts_as_what_the_search_said(cross, ranking):
    rows = [row.candidates for row in ranking[:3]]
    expected = first_stage_scores(START, cross.arrays(rows, 8))
    for found, own in zip(cross.rank(rows), np.asarray(expected), strict=True):
        np.testing.assert_allclose(found, own, rtol=1e-5)


def test_each_pair_is_read_alone(cross, ranking):
    values = with_head(cross)
    rows = [row.candidates for row in ranking[:3]]
    together = cross.rank_with(values, rows)
    for row, scores in zip(rows, together, strict=True):
        (alone,) = cross.rank_with(values, [row])
        np.testing.assert_allclose(alone, scores, rtol=1e-4, atol=1e-5)
        backwards = row._replace(documents=row.documents[::-1])
        (turned,) = cross.rank_with(values, [backwards])
        said = first_stage_arrays([row], 8)["search"][0] @ START  # whatever is read
        np.testing.assert_allclose(
            (turned - said)[::-1], scores - said, rtol=1e-4, atol=1e-4
        )


def test_query_and_document_are_told_apart(cross, ranking):
    row = ranking[0].candidates
    arrays = cross.arrays([row], 8)
    assert arrays["ids"].shape[:2] == (1, 8)
    assert set(np.unique(arrays["segments"])) == {0, 1}
    ids = arrays["ids"][0, 0][arrays["token_mask"][0, 0]].tolist()
    tokenizer = cross.tokenizer
    asked, own = map(tokenizer.encode, (row.query, row.documents[0].content))
    assert ids == [tokenizer.cls_id, *asked, tokenizer.sep_id, *own, tokenizer.sep_id]


def test_long_pairs_are_cut_the_document_first(cross, ranking):
    row = ranking[0].candidates
    long = row._replace(
        documents=[row.documents[0]._replace(text="heat " * 99)] * len(row.documents)
    )
    ids = cross.arrays([long], 8)["ids"]
    assert ids.shape[-1] == 32
    asked = cross.tokenizer.encode(row.query)
    assert ids[0, 0, 1 : 1 + len(asked)].tolist() == asked
    for length in (4, 33):
        with pytest.raises(ConfigError, match=r"max_length must be in \[5, 32\]"):
            CrossEncoder(cross.bert, cross.tokenizer, length)


@pytest.mark.parametrize("lesson", ["supervised", "rl"])
def test_it_learns(cross, ranking, tmp_path, lesson):
    settings = LoopSettings(
        updates=40, batch=6, learning_rate=5e-3, evaluate_every=20, warmup=0
    )
    measure = validation(cross, ranking)
    before = measure(values_of(cross))
    made = (
        Supervised(cross, ranking, 8, 6, 0, dropout=0.0)
        if lesson == "supervised"
        else RankingRL(cross, ranking, 8, 6, 0, places=5)
    )
    position = SearchLoop(cross, made, settings, tmp_path / "run", measure).fit()
    assert position["best"] > before + 0.1
    again = load_ranker(tmp_path / "run" / "best")
    assert isinstance(again, CrossEncoder) and again.max_length == 32
    assert validation(again, ranking)(values_of(again)) == pytest.approx(
        position["best"]
    )
