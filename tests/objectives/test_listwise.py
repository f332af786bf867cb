"""Listwise and pointwise losses: PyTorch's numbers, masks, signs, extremes."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.objectives.listwise import (
    listwise_loss,
    masked_log_softmax,
    pointwise_loss,
)

FROZEN = Path(__file__).parent / "frozen" / "ranking.json"


def cases(kind):
    """The frozen cases of a kind, lists as arrays."""
    read = json.loads(FROZEN.read_text(encoding="utf-8"))
    assert read["command"] == "python tests/oracles/make_ranking.py"
    found = [case for case in read["cases"] if case["kind"] == kind]
    assert found
    return [
        {k: np.asarray(v) if isinstance(v, list) else v for k, v in case.items()}
        for case in found
    ]


def test_equal_to_pytorch(gradient):
    for case in cases("lists"):
        scores, grades = np.float32(case["scores"]), np.float32(case["grades"])
        found = to_numpy(listwise_loss(scores, grades))
        np.testing.assert_allclose(found, case["listwise"], rtol=1e-5)
        grads = gradient(lambda x, g=grades: ops.sum(listwise_loss(x, g)), scores)
        np.testing.assert_allclose(
            grads, case["listwise_gradient"], rtol=1e-4, atol=1e-6
        )
        found = to_numpy(pointwise_loss(scores, grades > 0))
        np.testing.assert_allclose(found, case["pointwise"], rtol=1e-5)


@pytest.mark.parametrize("loss", [listwise_loss, pointwise_loss])
def test_masked_is_dropped(loss):
    scores, grades = np.float32([[1, 2, 0.5]]), np.float32([[1, 0, 1]])
    mask = np.array([[True, True, False]])
    short = to_numpy(loss(scores[:, :2], grades[:, :2]))
    for value in (0.5, 1e6, -1e6):
        filled = np.where(mask, scores, np.float32(value))
        np.testing.assert_allclose(to_numpy(loss(filled, grades, mask)), short, 1e-6)


@pytest.mark.parametrize("loss", [listwise_loss, pointwise_loss])
def test_a_relevant_candidate_rises_others_fall(loss, gradient):
    grades = np.float32([[1, 0, 0], [0, 0, 1]])
    found = gradient(lambda x: ops.sum(loss(x, grades)), np.zeros((2, 3)))
    assert (found[grades > 0] < 0).all() and (found[grades == 0] > 0).all()


@pytest.mark.parametrize("loss", [listwise_loss, pointwise_loss])
def test_empty_lists_give_0_and_no_nan(loss, gradient):
    scores, nothing = np.zeros((1, 3), "float32"), np.zeros((1, 3), bool)
    found = gradient(lambda x: ops.sum(loss(x, np.ones((1, 3)), nothing)), scores)
    assert (found == 0).all()
    assert float(ops.sum(loss(scores, np.ones((1, 3)), nothing))) == 0.0
    assert float(ops.sum(listwise_loss(scores, np.zeros((1, 3))))) == 0.0
    assert np.isfinite(to_numpy(loss(np.float32([[1e6, -1e6]]), np.eye(2)[:1]))).all()


def test_log_probs_add_up_to_1():
    mask = np.array([[True, False, True]])
    found = np.exp(to_numpy(masked_log_softmax(np.float32([[1, 9, 2]]), mask)))
    assert found[mask].sum() == pytest.approx(1.0) and found[0, 1] == 1.0  # exp(0)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="grades must have the shape"):
        listwise_loss(np.zeros((2, 3)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="mask must have the shape"):
        pointwise_loss(np.zeros((2, 3)), np.zeros((2, 3)), np.ones((2, 2), bool))
