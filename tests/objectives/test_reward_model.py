"""The pairwise loss against TRL; ties, extremes, the drift of rewards."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.objectives.reduce import token_mean
from nutgraf.objectives.reward_model import (
    centring_penalty,
    pair_accuracy,
    pairwise_loss,
)

CHOSEN, REJECTED = np.float32([2, 1, 0]), np.float32([0, 1, 3])


def test_literal():
    # -log sigmoid of 2, 0, -3; with margin 1 of 1, -1, -4
    expected = np.log1p(np.exp([-2.0, 0.0, 3.0]))
    found = to_numpy(pairwise_loss(CHOSEN, REJECTED))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    expected = np.log1p(np.exp([-1.0, 1.0, 4.0]))
    for margin in (1.0, np.ones(3, "float32")):
        found = to_numpy(pairwise_loss(CHOSEN, REJECTED, margin=margin))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert to_numpy(centring_penalty(CHOSEN, REJECTED)).tolist() == [4, 4, 9]
    assert to_numpy(pair_accuracy(CHOSEN, REJECTED)).tolist() == [1, 0.5, 0]


def test_loss_and_gradient_equal_to_trl(frozen, gradient):
    for case in frozen("reward_model"):
        given = case.inputs
        everything = np.ones(given["chosen"].shape, bool)

        def loss(chosen, rejected, given=given, everything=everything):
            pairs = pairwise_loss(chosen, rejected, margin=given["margin"])
            pairs = pairs + given["weight"] * centring_penalty(chosen, rejected)
            return token_mean(pairs, everything)

        chosen, rejected = given["chosen"], given["rejected"]
        found = float(loss(chosen, rejected))
        assert found == pytest.approx(case.expected["loss"], rel=1e-5)
        for name, found in (
            ("chosen", gradient(lambda x, r=rejected, f=loss: f(x, r), chosen)),
            ("rejected", gradient(lambda x, c=chosen, f=loss: f(c, x), rejected)),
        ):
            np.testing.assert_allclose(
                found, case.expected[f"{name}_gradient"], rtol=1e-4, atol=1e-6
            )


def test_chosen_rises_rejected_falls(gradient):
    def of_chosen(x):
        return ops.sum(pairwise_loss(x, REJECTED))

    def of_rejected(x):
        return ops.sum(pairwise_loss(CHOSEN, x))

    assert (gradient(of_chosen, CHOSEN) < 0).all()
    assert (gradient(of_rejected, REJECTED) > 0).all()


def test_only_differences_matter_and_the_penalty_holds_the_level(gradient):
    shifted = pairwise_loss(CHOSEN + 5, REJECTED + 5)
    np.testing.assert_allclose(
        to_numpy(shifted), to_numpy(pairwise_loss(CHOSEN, REJECTED)), rtol=1e-5
    )
    up = gradient(lambda x: ops.sum(centring_penalty(x, REJECTED)), CHOSEN)
    assert (np.sign(up) == np.sign(CHOSEN + REJECTED)).all()


def test_extremes_are_finite_and_masked_is_dropped(gradient):
    chosen, rejected = np.float32([1e6, -1e6, 0]), np.float32([-1e6, 1e6, 0])
    mask = np.array([True, True, False])

    def loss(x):
        return token_mean(pairwise_loss(x, rejected), mask)

    assert float(loss(chosen)) == pytest.approx(1e6)
    found = gradient(loss, chosen)
    np.testing.assert_allclose(found, [0.0, -0.5, 0.0], atol=1e-6)
    poisoned = np.where(mask, chosen, np.nan)
    assert float(loss(poisoned)) == float(loss(chosen))
    nothing = token_mean(pairwise_loss(poisoned, rejected), np.zeros(3, bool))
    assert float(nothing) == 0.0


def test_shapes_must_agree():
    for function in (pairwise_loss, centring_penalty, pair_accuracy):
        with pytest.raises(ValueError, match="rejected must have the shape"):
            function(CHOSEN, REJECTED[:1])
    with pytest.raises(ValueError, match="margin must have the shape"):
        pairwise_loss(CHOSEN, REJECTED, margin=np.ones(2, "float32"))
