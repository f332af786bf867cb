"""KL estimates against verl, against exact KL, and their gradients."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.importance import truncated_importance_weights
from nutgraf.objectives.kl import absolute, k1, k2, k3, k3_plus, kl_rewards

ALL = {"k1": k1, "k2": k2, "k3": k3, "k3_plus": k3_plus, "absolute": absolute}
every = pytest.mark.parametrize("estimate", ALL.values(), ids=ALL.keys())

LOGITS = np.float32([0.3, -1.0, 0.8, 0.1])
REFERENCE = np.float32([-0.2, 0.5, 0.4, 0.0])


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


P, Q = softmax(LOGITS), softmax(REFERENCE)


def test_literal():
    # policy twice as likely as the reference: d = log 2
    policy, reference = np.log(np.float32([0.5])), np.log(np.float32([0.25]))
    d = np.log(2)
    expected_of = {k1: d, k2: d * d / 2, k3: 0.5 - 1 + d, k3_plus: 0.5 - 1 + d}
    for estimate, expected in {**expected_of, absolute: d}.items():
        found = to_numpy(estimate(policy, reference))
        np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_equal_to_verl(frozen):
    for case in frozen("kl"):
        for name, expected in case.expected.items():
            found = to_numpy(ALL[name](**case.inputs))
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_direction_and_bias():
    exact = (P * np.log(P / Q)).sum()  # KL(policy || reference)
    means = {
        name: (P * to_numpy(f(np.log(P), np.log(Q)))).sum() for name, f in ALL.items()
    }
    assert means["k1"] == pytest.approx(exact, rel=1e-5)
    assert means["k3"] == pytest.approx(exact, rel=1e-5)
    assert means["k3_plus"] == means["k3"]
    assert abs(means["k2"] - exact) > 1e-3
    assert abs(means["absolute"] - exact) > 1e-3
    near = pytest.approx(exact, rel=1e-2)  # the other direction is not even near
    assert (Q * np.log(Q / P)).sum() != near


def expected_gradient(estimate, gradient):
    return gradient(
        lambda x: ops.sum(ops.multiply(P, estimate(ops.log_softmax(x), np.log(Q)))),
        LOGITS,
    )


def test_gradient_as_a_loss(gradient):
    exact = P * (np.log(P / Q) - (P * np.log(P / Q)).sum())  # of KL(policy||reference)
    forward = P - Q  # of KL(reference || policy)
    close = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(expected_gradient(k1, gradient), 0 * P, **close)
    np.testing.assert_allclose(expected_gradient(k2, gradient), exact, **close)
    np.testing.assert_allclose(expected_gradient(k3_plus, gradient), exact, **close)
    np.testing.assert_allclose(expected_gradient(k3, gradient), forward, **close)


def test_importance_weights_make_the_samples_of_another_policy_ones_own(gradient):
    other = softmax(np.float32([0.9, 0.2, -0.3, 0.0]))  # who drew the samples

    def of(estimate, weighed):
        def loss(x):
            log_probs = ops.log_softmax(x)
            values = estimate(log_probs, np.log(Q))
            if weighed:
                values = values * truncated_importance_weights(
                    log_probs, np.log(other), limit=100.0
                )
            return ops.sum(ops.multiply(other, values))

        return gradient(loss, LOGITS)

    for estimate in (k2, k3, k3_plus):
        own = expected_gradient(estimate, gradient)
        np.testing.assert_allclose(of(estimate, True), own, rtol=1e-4, atol=1e-6)
        assert np.abs(of(estimate, False) - own).max() > 0.01


@pytest.mark.parametrize("estimate", [k2, k3, k3_plus])
def test_a_step_brings_the_policy_nearer(estimate, gradient):
    moved = softmax(LOGITS - 0.3 * expected_gradient(estimate, gradient))
    assert (moved * np.log(moved / Q)).sum() < (P * np.log(P / Q)).sum()


def test_k3_is_accurate_and_not_negative_near_zero():
    d = np.concatenate([10.0 ** np.arange(-7, 1), -(10.0 ** np.arange(-7, 1))])
    d = np.concatenate([d, np.linspace(-0.011, 0.011, 2001)]).astype("float32")
    found = to_numpy(k3(d, np.zeros_like(d))).astype("float64")
    exact = np.expm1(-d.astype("float64")) + d.astype("float64")
    assert (found >= 0).all()
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-16)


@every
def test_zero_at_the_reference(estimate, gradient):
    same = np.float32([[-1.5, -0.2]])
    assert to_numpy(estimate(same, same)).tolist() == [[0.0, 0.0]]
    if estimate is not absolute:  # which has a corner there
        found = gradient(lambda x: ops.sum(estimate(x, same)), same)
        expected = 1.0 if estimate is k1 else 0.0
        assert found.tolist() == [[expected, expected]]


@every
def test_extremes_are_finite_in_value_and_gradient(estimate, gradient):
    extreme = np.float32([-np.inf, -1e8, -200.0, 0.0])
    new, old = (part.ravel() for part in np.meshgrid(extreme, extreme))
    found = to_numpy(estimate(new, old))
    assert np.isfinite(found).all()
    if estimate is not k1:
        assert (found >= 0).all()
    assert np.isfinite(gradient(lambda x: ops.sum(estimate(x, old)), new)).all()


@every
def test_no_gradient_to_the_reference(estimate, gradient):
    def loss(x):
        return ops.sum(estimate(np.log(P), x))

    assert not gradient(loss, np.log(Q)).any()


@every
def test_shapes_must_agree(estimate):
    with pytest.raises(ValueError, match="ref_log_probs must have the shape"):
        estimate(np.ones((2, 3)), np.ones((2, 1)))


def test_penalties_equal_to_verl(frozen, gradient):
    for case in frozen("kl_penalty"):
        log_probs, reference = case.inputs.values()
        for name in ("absolute", "k3_plus"):
            found = to_numpy(ALL[name](log_probs, reference))
            expected = case.expected[name]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(
                gradient(
                    lambda x, f=ALL[name], r=reference: ops.sum(f(x, r)), log_probs
                ),
                case.expected[f"{name}_gradient"],
                rtol=1e-5,
                atol=1e-5,
            )


def test_kl_rewards_are_minus_k1_without_gradient(gradient):
    log_probs, reference = np.float32([[-1, -2]]), np.float32([[-3, -1.5]])
    found = to_numpy(kl_rewards(log_probs, reference, 0.5))
    assert found.tolist() == [[-1.0, 0.25]]
    for of in (
        lambda x: ops.sum(kl_rewards(x, reference, 0.5)),
        lambda x: ops.sum(kl_rewards(log_probs, x, 0.5)),
    ):
        assert not gradient(of, log_probs).any()


def test_kl_rewards_are_bounded():
    extreme = np.float32([-np.inf, -1e8, -200.0, 0.0])
    new, old = np.meshgrid(extreme, extreme)
    found = to_numpy(kl_rewards(new, old, 0.5))
    assert np.abs(found).max() == 10.0 and not np.diag(found).any()
    with pytest.raises(ConfigError, match="weight must be at least 0. Received"):
        kl_rewards(new, old, -0.1)
    with pytest.raises(ValueError, match="ref_log_probs must have the shape"):
        kl_rewards(new, old[:1], 0.1)
