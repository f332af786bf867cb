import numpy as np
import pytest

from nutgraf.search.first_stage import (
    START,
    first_stage_arrays,
    first_stage_scores,
    padded,
)


def test_words_are_a_share_of_the_best_and_fillers_are_masked(ranking):
    rows = [row.candidates for row in ranking[:3]]
    found = first_stage_arrays(rows, 10)
    assert found["mask"].sum(axis=1).tolist() == [len(row.numbers) for row in rows]
    assert (found["bm25"].max(axis=1) == 1).all() and (found["bm25"] >= 0).all()
    assert not found["bm25"][~found["mask"]].any()
    scores = np.asarray(first_stage_scores(np.float32([2, 3]), found))
    np.testing.assert_allclose(
        scores, 2 * found["bm25"] + 3 * found["dense"], rtol=1e-6
    )
    assert START.tolist() == [5.0, 5.0]


def test_no_word_in_common_is_no_division_by_0(ranking):
    row = ranking[0].candidates
    row = row._replace(bm25=np.zeros_like(row.bm25))
    assert (first_stage_arrays([row], 8)["bm25"] == 0).all()


def test_padded_keeps_types_and_axes():
    found = padded([np.ones((1, 2), "float32"), np.ones((3, 2), "float32")], 4)
    assert found.shape == (2, 4, 2) and found.dtype == np.float32
    assert found[0, 1:].sum() == 0
    with pytest.raises(ValueError):
        padded([np.ones(3)], 2)
