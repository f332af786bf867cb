import numpy as np
import pytest

from nutgraf.search.first_stage import (
    START,
    first_stage_arrays,
    first_stage_scores,
    padded,
)
from nutgraf.search.fusion import fuse


def test_the_four_numbers(ranking):
    rows = [row.candidates for row in ranking[:3]]
    found = first_stage_arrays(rows, 10)
    assert found["mask"].sum(axis=1).tolist() == [len(row.numbers) for row in rows]
    assert not found["search"][~found["mask"]].any()
    for row, own in zip(rows, found["search"], strict=True):
        words, meaning, ranks, feedback = own[: len(row.numbers)].T
        np.testing.assert_allclose(words, row.bm25 / row.bm25.max(), rtol=1e-6)
        np.testing.assert_array_equal(meaning, row.dense)
        orders = (np.argsort(-one, kind="stable") for one in (row.bm25, row.dense))
        numbers, scores = fuse(list(orders), 99)
        np.testing.assert_allclose(ranks[numbers], 60 * scores, rtol=1e-5)
        mean = row.vectors[:3].mean(axis=0)
        cosines = row.vectors @ mean / np.linalg.norm(mean)
        np.testing.assert_allclose(feedback, cosines, rtol=1e-5, atol=1e-6)
    scores = np.asarray(first_stage_scores(START, found))
    np.testing.assert_allclose(scores, found["search"] @ START, rtol=1e-5)


def test_without_vectors_words_and_ranks_are_left(ranking):
    row = ranking[0].candidates._replace(vectors=None, dense=np.zeros(8, "float32"))
    found = first_stage_arrays([row], 8)["search"][0]
    assert found[:, 0].max() == 1 and (found[:, 2] > 0).all()
    assert not found[:, 1].any() and not found[:, 3].any()


def test_no_word_in_common_is_no_division_by_0(ranking):
    row = ranking[0].candidates
    row = row._replace(bm25=np.zeros_like(row.bm25))
    assert (first_stage_arrays([row], 8)["search"][..., 0] == 0).all()


def test_padded_keeps_types_and_axes():
    found = padded([np.ones((1, 2), "float32"), np.ones((3, 2), "float32")], 4)
    assert found.shape == (2, 4, 2) and found.dtype == np.float32
    assert found[0, 1:].sum() == 0
    with pytest.raises(ValueError):
        padded([np.ones(3)], 2)
