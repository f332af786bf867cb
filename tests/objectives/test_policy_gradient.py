"""REINFORCE against rlax; against the exact gradient of an expected reward."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.reduce import token_mean


def test_literal():
    # log-probs -2, -1, -3 times advantages 1, -3, 0, negated
    found = policy_gradient_loss(np.float32([-2, -1, -3]), np.float32([1, -3, 0]))
    assert to_numpy(found).tolist() == [2.0, -3.0, 0.0]


def test_equal_to_rlax(frozen):
    for case in frozen("policy_gradient"):
        found = to_numpy(policy_gradient_loss(**case.inputs))
        np.testing.assert_allclose(found, case.expected["loss"], rtol=1e-5, atol=1e-5)


def test_expected_gradient_is_that_of_the_expected_reward(gradient):
    logits = np.float32([0.3, -1.0, 0.8, 0.1])
    rewards = np.float32([1.0, -2.0, 0.5, 3.0])
    p = np.exp(logits) / np.exp(logits).sum()

    def loss(x):  # every action, as often as the policy draws it
        tokens = policy_gradient_loss(ops.log_softmax(x), rewards - 0.7)
        return ops.sum(ops.multiply(p, tokens))

    # d/dx_i of sum p r is p_i (r_i - sum p r); a constant baseline changes nothing.
    expected = -p * (rewards - (p * rewards).sum())
    np.testing.assert_allclose(gradient(loss, logits), expected, rtol=1e-4, atol=1e-6)


def test_a_step_raises_good_tokens_and_lowers_bad_ones(gradient, token_log_probs):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    actions = rng.integers(0, 5, size=(2, 3, 4))
    advantages = rng.normal(size=(2, 3, 4)).astype("float32")
    mask = rng.random((2, 3, 4)) < 0.7

    def loss(x):
        log_probs = token_log_probs(x, actions)
        return token_mean(policy_gradient_loss(log_probs, advantages), mask)

    after = logits - 0.1 * gradient(loss, logits)
    change = to_numpy(
        token_log_probs(ops.convert_to_tensor(after), actions)
        - token_log_probs(ops.convert_to_tensor(logits), actions)
    )
    assert (np.sign(change[mask]) == np.sign(advantages[mask])).all()
    assert not change[~mask].any()


def test_no_gradient_to_advantages(gradient):
    def loss(x):
        return ops.sum(policy_gradient_loss(np.float32([-1, -2]), x))

    assert gradient(loss, np.float32([1, 2])).tolist() == [0.0, 0.0]


def test_impossible_actions_stay_finite(gradient):
    log_probs = np.float32([-np.inf, -np.inf, -1e30, -1.0])
    advantages = np.float32([0.0, 1.0, -1.0, 1.0])
    assert np.isfinite(to_numpy(policy_gradient_loss(log_probs, advantages))).all()
    found = gradient(
        lambda x: token_mean(policy_gradient_loss(x, advantages), np.ones(4, bool)),
        log_probs,
    )
    assert np.isfinite(found).all() and found[3] == -0.25


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="advantages must have the shape"):
        policy_gradient_loss(np.ones((2, 3)), np.ones((2, 1)))
