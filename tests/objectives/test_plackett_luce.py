"""Rankings as actions: another implementation's log-probs, all rankings enumerated."""

import itertools

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.backend.random import uniform
from nutgraf.errors import ConfigError
from nutgraf.objectives.plackett_luce import (
    placed,
    ranking_gains,
    ranking_log_probs,
    sample_rankings,
    to_go_advantages,
)
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from tests.objectives.test_listwise import cases

SCORES = np.float32([[0.3, -0.8, 1.1, 0.2]])
ALL = np.ones((1, 4), bool)
GRADES = np.float32([[0, 1, 0, 2]])
IDEAL = np.float32([2 + 0.63093])


def permutations(places):
    """All rankings of four documents with so many places, (1, N, places)."""
    return np.int32([list(itertools.permutations(range(4), places))])


def test_log_probs_equal_those_of_choix():
    for case in cases("rankings"):
        scores = np.float32(case["scores"])[None]
        found = ranking_log_probs(
            scores, np.int32(case["rankings"])[None], np.ones(scores.shape, bool)
        )
        total = to_numpy(ops.sum(found, axis=-1))[0]
        np.testing.assert_allclose(total, case["log_probs"], rtol=1e-5)


@pytest.mark.parametrize("places", [1, 2, 4])
def test_probabilities_of_all_rankings_add_up_to_1(places):
    found = ranking_log_probs(SCORES, permutations(places), ALL)
    total = np.exp(to_numpy(ops.sum(found, axis=-1))).sum()
    assert total == pytest.approx(1.0, rel=1e-5)


def test_samples_come_as_often_as_their_probability():
    count = 20_000
    uniforms = uniform(
        7,
        np.zeros((1, 1, 1), "int32"),
        np.arange(count, dtype="int32")[None, :, None],
        np.arange(4, dtype="int32")[None, None, :],
    )
    found = to_numpy(sample_rankings(SCORES, uniforms, 2, ALL))[0]
    pairs, often = np.unique(found, axis=0, return_counts=True)
    log_probs = ranking_log_probs(SCORES, pairs[None].astype("int32"), ALL)
    expected = np.exp(to_numpy(ops.sum(log_probs, axis=-1)))[0]
    assert len(pairs) == 12
    # four standard deviations of a share of 20,000 draws
    np.testing.assert_allclose(often / count, expected, atol=4 * 0.5 / count**0.5)


def expected_ndcg(scores, places=3):
    """E[nDCG], all rankings enumerated; differentiable."""
    rankings = permutations(places)
    log_probs = ops.sum(ranking_log_probs(scores, rankings, ALL), axis=-1)
    gains = ops.sum(ranking_gains(GRADES, IDEAL, rankings), axis=-1)
    return ops.sum(ops.exp(log_probs) * gains)


def test_the_gradient_is_that_of_the_expected_ndcg(gradient):
    """Oosterhuis 2021, eq. 8: gains from a place on suffice, on average.

    All rankings weighed with their probabilities stand for infinitely many samples.
    """
    exact = gradient(expected_ndcg, SCORES)
    rankings = permutations(3)
    weights = np.exp(
        to_numpy(ops.sum(ranking_log_probs(SCORES, rankings, ALL), axis=-1))
    )
    gains = to_numpy(ranking_gains(GRADES, IDEAL, rankings))
    to_go = np.cumsum(gains[..., ::-1], axis=-1)[..., ::-1]

    def loss(scores, credit):
        log_probs = ranking_log_probs(scores, rankings, ALL)
        losses = ops.sum(policy_gradient_loss(log_probs, credit), axis=-1)
        return ops.sum(losses * ops.convert_to_tensor(weights))

    for credit in (to_go, np.broadcast_to(gains.sum(-1, keepdims=True), gains.shape)):
        found = gradient(lambda x, c=credit: loss(x, np.float32(c)), SCORES)
        np.testing.assert_allclose(-found, exact, rtol=1e-4, atol=1e-6)
    assert np.abs(exact).max() > 0.01


def test_sampled_gradients_come_near_the_exact_one(gradient):
    exact = gradient(expected_ndcg, SCORES)
    count, samples = 400, 16
    uniforms = uniform(
        3,
        np.arange(count, dtype="int32")[:, None, None],
        np.arange(samples, dtype="int32")[None, :, None],
        np.arange(4, dtype="int32")[None, None, :],
    )
    many = [np.repeat(one, count, axis=0) for one in (SCORES, ALL, GRADES, IDEAL)]
    rankings = sample_rankings(many[0], uniforms, 3, many[1])
    advantages = to_go_advantages(ranking_gains(many[2], many[3], rankings))

    def loss(scores):
        each = ops.repeat(scores, count, axis=0)
        log_probs = ranking_log_probs(each, rankings, many[1])
        return ops.sum(policy_gradient_loss(log_probs, advantages)) / (count * samples)

    found = -gradient(loss, SCORES)
    np.testing.assert_allclose(found, exact, atol=0.02)  # 6,400 draws of noise


def test_advantages_are_gains_from_the_place_on_beyond_the_other_samples():
    gains = np.random.default_rng(0).random((2, 3, 4)).astype("float32")
    found = to_numpy(to_go_advantages(gains))
    to_go = np.cumsum(gains[..., ::-1], axis=-1)[..., ::-1]
    for query, sample in itertools.product(range(2), range(3)):
        others = np.delete(to_go[query], sample, axis=0).mean(axis=0)
        np.testing.assert_allclose(
            found[query, sample], to_go[query, sample] - others, rtol=1e-4, atol=1e-6
        )
    assert (to_numpy(to_go_advantages(gains[:, :1])) == 0).all()


def test_more_advantage_raises_the_score(gradient):
    rankings = np.int32([[[2, 0]]])

    def loss(scores):
        log_probs = ranking_log_probs(scores, rankings, ALL)
        return ops.sum(policy_gradient_loss(log_probs, np.ones((1, 1, 2), "float32")))

    found = gradient(loss, SCORES)[0]
    assert found[2] < 0 and found[1] > 0 and found[3] > 0


def test_masked_candidates_are_as_if_they_were_not_there(gradient):
    mask = np.array([[True, False, True, True]])
    kept = np.float32(SCORES[:, [0, 2, 3]])
    rankings = np.int32([[[3, 0, 2, 1]]])
    found = to_numpy(ranking_log_probs(SCORES, rankings, mask))[0, 0]
    short = ranking_log_probs(kept, np.int32([[[2, 0, 1]]]), np.ones((1, 3), bool))
    np.testing.assert_allclose(found[:3], to_numpy(short)[0, 0], rtol=1e-5)
    assert found[3] == 0
    assert to_numpy(placed(rankings, mask))[0, 0].tolist() == [True] * 3 + [False]
    drawn = np.full((1, 5, 4), 0.5, "float32")
    last = to_numpy(sample_rankings(SCORES, drawn, 4, mask))[..., -1]
    assert (last == 1).all()
    grads = gradient(lambda x: ops.sum(ranking_log_probs(x, rankings, mask)), SCORES)
    assert np.isfinite(grads).all() and grads[0, 1] == 0


def test_nothing_relevant_and_extremes_give_no_nan(gradient):
    rankings = permutations(4)
    gains = to_numpy(ranking_gains(np.zeros((1, 4)), np.zeros(1), rankings))
    assert (gains == 0).all()
    nothing = np.zeros((1, 4), bool)
    for scores, mask in ((SCORES * 1e5, ALL), (SCORES, nothing)):
        grads = gradient(
            lambda x, m=mask: ops.sum(ranking_log_probs(x, rankings, m)), scores
        )
        assert np.isfinite(grads).all()


def test_mistakes_are_told():
    with pytest.raises(ConfigError, match=r"k must be in \[1, 4\]"):
        sample_rankings(SCORES, np.full((1, 2, 4), 0.5, "float32"), 5, ALL)
    with pytest.raises(ValueError, match="mask must have the shape"):
        ranking_log_probs(SCORES, permutations(2), ALL[:, :3])
