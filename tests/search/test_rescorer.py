import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.search.first_stage import START, first_stage_arrays, first_stage_scores
from nutgraf.search.rankers import load_ranker
from nutgraf.search.rescorer import Rescorer


def changed(rescorer, seed=0):
    """Weights that are not those of the start."""
    random = np.random.default_rng(seed)
    return [np.float32(random.normal(size=one.shape)) for one in rescorer.variables]


def test_it_starts_as_what_the_search_said(ranking):
    rescorer = Rescorer(16, "hash", 4)
    rows = [row.candidates for row in ranking]
    arrays = rescorer.arrays(rows, 8)
    expected = np.asarray(first_stage_scores(START, arrays))
    for found, own in zip(rescorer.rank(rows), expected, strict=True):
        np.testing.assert_allclose(found, own, rtol=1e-5)


def test_the_score_is_the_formula(ranking):
    rescorer = Rescorer(16, "hash", 4)
    weights, left, right = values = changed(rescorer)
    row = ranking[0].candidates
    (found,) = rescorer.rank_with(values, [row])
    product = row.vectors @ right @ (row.query_vector @ left)
    said = first_stage_arrays([row], 8)["search"][0] @ weights
    expected = said + product / 10
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_rows_of_all_lengths_are_ranked_each_alone(ranking):
    rescorer = Rescorer(16, "hash", 4)
    values = changed(rescorer)
    rows = [row.candidates for row in ranking]
    cut = [
        row._replace(
            numbers=row.numbers[:count],
            bm25=row.bm25[:count],
            dense=row.dense[:count],
            vectors=row.vectors[:count],
        )
        for count, row in enumerate(rows[:9])
    ]
    together = rescorer.rank_with(values, cut * 3)
    assert [len(one) for one in together[:9]] == list(range(9))
    for one, row in zip(together, cut * 3, strict=True):
        np.testing.assert_allclose(one, rescorer.rank_with(values, [row])[0], rtol=1e-4)
    assert rescorer.rank([]) == []


def test_saved_and_loaded_it_is_the_same(ranking, tmp_path):
    rescorer = Rescorer(16, "hash", 4)
    values = changed(rescorer)
    rescorer.save(tmp_path / "r", values)
    again = load_ranker(tmp_path / "r")
    assert isinstance(again, Rescorer)
    assert again.settings == {"width": 16, "embedder": "hash", "rank": 4}
    for one, other in zip(again.variables, values, strict=True):
        np.testing.assert_array_equal(to_numpy(one.value), other)


def test_other_vectors_are_told(ranking):
    row = ranking[0].candidates
    with pytest.raises(ConfigError, match="of the model bert. Received: those of hash"):
        Rescorer(16, "bert").rank([row])
    with pytest.raises(ConfigError, match="an index with vectors. Received: one with"):
        Rescorer(16, "hash").rank([row._replace(vectors=None, query_vector=None)])
