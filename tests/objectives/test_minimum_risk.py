"""Minimum risk training against torch and against exact expected rewards."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.advantages import group_advantages
from nutgraf.objectives.minimum_risk import minimum_risk_loss
from nutgraf.objectives.policy_gradient import policy_gradient_loss


def test_literal():
    # probabilities 0.2, 0.6 and 0.2: of those that count 1/4 and 3/4
    log_probs = np.log(np.float32([[[0.2, 9], [0.6, 9], [0.2, 9]]]))
    mask = np.array([[[1, 0]] * 3], bool)
    valid = np.array([[True, True, False]])
    rewards = np.float32([[1, 5, 99]])
    found = minimum_risk_loss(log_probs, rewards, mask, valid, sharpness=1.0)
    np.testing.assert_allclose(to_numpy(found), [-(1 / 4 + 5 * 3 / 4)], rtol=1e-6)
    # square roots of 4 and 9 times as probable: 2/5, 3/5
    log_probs = np.log(np.float32([[[0.04], [0.09]]]))
    found = minimum_risk_loss(
        log_probs, np.float32([[0, 1]]), np.ones((1, 2, 1), bool), sharpness=0.5
    )
    np.testing.assert_allclose(to_numpy(found), [-3 / 5], rtol=1e-6)


def test_loss_and_gradient_equal_to_torch(frozen, gradient):
    for case in frozen("minimum_risk"):
        given = dict(case.inputs)
        log_probs = given.pop("log_probs")
        found = to_numpy(minimum_risk_loss(log_probs, **given))
        np.testing.assert_allclose(found, case.expected["loss"], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            gradient(
                lambda x, given=given: ops.sum(minimum_risk_loss(x, **given)), log_probs
            ),
            case.expected["gradient"],
            rtol=1e-4,
            atol=1e-6,
        )


def random_case(seed=0, shape=(3, 4, 5)):
    rng = np.random.default_rng(seed)
    log_probs = -rng.exponential(size=shape).astype("float32")
    rewards = rng.normal(size=shape[:2]).astype("float32")
    mask = np.arange(shape[2]) < rng.integers(1, shape[2] + 1, size=(*shape[:2], 1))
    return log_probs, rewards, mask, rng.random(shape[:2]) < 0.7


def test_over_all_texts_it_is_the_expected_reward(gradient):
    # all actions, one token: q is the policy, the gradient p_i (r_i - sum p r), negated
    logits = np.float32([0.3, -1.0, 0.8, 0.1])
    rewards = np.float32([[1.0, -2.0, 0.5, 3.0]])
    mask = np.ones((1, 4, 1), bool)
    p = np.exp(logits) / np.exp(logits).sum()

    def loss(x):
        log_probs = ops.log_softmax(x)[None, :, None]
        return ops.sum(minimum_risk_loss(log_probs, rewards, mask, sharpness=1.0))

    assert float(loss(logits)) == pytest.approx(-(p * rewards[0]).sum(), rel=1e-5)
    expected = -p * (rewards[0] - (p * rewards[0]).sum())
    np.testing.assert_allclose(gradient(loss, logits), expected, rtol=1e-4, atol=1e-6)


def test_flat_it_is_the_policy_gradient_with_the_mean_as_baseline(gradient):
    log_probs, rewards, mask, _ = random_case()
    sharpness = 1e-5
    found = gradient(
        lambda x: ops.sum(minimum_risk_loss(x, rewards, mask, sharpness=sharpness)),
        log_probs,
    )
    advantages = to_numpy(group_advantages(rewards, scale=False))[..., None]
    plain = gradient(
        lambda x: ops.sum(
            ops.where(mask, policy_gradient_loss(x, advantages + 0 * log_probs), 0.0)
        ),
        log_probs,
    )
    samples = rewards.shape[1]
    # q is flat up to sharpness times the spread of log-probs (about 5 nats)
    np.testing.assert_allclose(found / sharpness, plain / samples, rtol=1e-4, atol=1e-4)


def test_better_than_expected_rises_worse_falls(gradient):
    log_probs, rewards, mask, valid = random_case()
    found = gradient(
        lambda x: ops.sum(minimum_risk_loss(x, rewards, mask, valid, sharpness=0.1)),
        log_probs,
    )
    best = np.where(valid, rewards, -9).argmax(axis=1)
    worst = np.where(valid, rewards, 9).argmin(axis=1)
    for row in np.flatnonzero(valid.sum(axis=1) > 1):
        assert (found[row, best[row]][mask[row, best[row]]] < 0).all()
        assert (found[row, worst[row]][mask[row, worst[row]]] > 0).all()
    assert not found[~mask].any() and not found[~valid].any()


def test_masked_and_invalid_are_dropped():
    log_probs, rewards, mask, valid = random_case()
    valid[2] = False
    expected = to_numpy(minimum_risk_loss(log_probs, rewards, mask, valid))
    poisoned = np.where(mask & valid[..., None], log_probs, np.nan)
    found = minimum_risk_loss(
        np.where(mask, poisoned, -np.inf), np.where(valid, rewards, np.nan), mask, valid
    )
    for row in range(2):
        keep = valid[row]
        dropped = minimum_risk_loss(
            log_probs[row : row + 1, keep],
            rewards[row : row + 1, keep],
            mask[row : row + 1, keep],
        )
        np.testing.assert_allclose(to_numpy(dropped), expected[row], rtol=1e-5)
    assert expected[2] == 0.0
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-6)


def test_copies_of_a_text_count_once_when_marked():
    log_probs, rewards, mask, _ = random_case()
    copies = [np.concatenate([a, a[:, :1]], axis=1) for a in (log_probs, rewards, mask)]
    first = np.ones(copies[1].shape, bool)
    first[:, -1] = False
    once = minimum_risk_loss(log_probs, rewards, mask)
    np.testing.assert_allclose(
        to_numpy(minimum_risk_loss(*copies, first)), to_numpy(once), rtol=1e-5
    )
    assert not np.allclose(to_numpy(minimum_risk_loss(*copies)), to_numpy(once))


def test_extremes_are_finite_in_value_and_gradient(gradient):
    log_probs, rewards, mask, valid = random_case()
    log_probs[0, 0] = -np.inf
    log_probs[1] = -1e30
    for mask_of in (mask, np.zeros_like(mask)):
        for valid_of in (valid, np.zeros_like(valid)):

            def loss(x, mask_of=mask_of, valid_of=valid_of):
                return ops.sum(
                    minimum_risk_loss(x, rewards, mask_of, valid_of, sharpness=1.0)
                )

            assert np.isfinite(float(loss(log_probs)))
            found = gradient(loss, log_probs)
            assert np.isfinite(found).all()
            if not valid_of.any():
                assert float(loss(log_probs)) == 0.0 and not found.any()


def test_no_gradient_to_the_rewards(gradient):
    log_probs, rewards, mask, _ = random_case()
    found = gradient(lambda x: ops.sum(minimum_risk_loss(log_probs, x, mask)), rewards)
    assert not found.any()


def test_sharpness_is_positive():
    log_probs, rewards, mask, _ = random_case()
    with pytest.raises(ConfigError, match="sharpness must be greater than 0"):
        minimum_risk_loss(log_probs, rewards, mask, sharpness=0.0)


def test_shapes_must_agree():
    log_probs, rewards, mask, valid = random_case()
    with pytest.raises(ValueError, match="rewards must have the shape"):
        minimum_risk_loss(log_probs, rewards[:, :1], mask)
    with pytest.raises(ValueError, match="valid must have the shape"):
        minimum_risk_loss(log_probs, rewards, mask, valid[:1])
