"""CISPO against verl and TRL: no token is dropped, only weights have limits."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.cispo import cispo_loss
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.reduce import token_mean


def test_literal():
    # ratios e, e^-3, 1 cut to 2, 0.5, 1; times advantages 3, 1, -1, log-probs, negated
    new, old = np.float32([-1, -4, -2]), np.float32([-2, -1, -2])
    found = cispo_loss(new, old, np.float32([3, 1, -1]), ratio_low=0.5, ratio_high=2.0)
    np.testing.assert_allclose(to_numpy(found), [6.0, 2.0, -2.0], rtol=1e-6)


@pytest.mark.parametrize("package", ["verl", "trl"])
def test_loss_and_gradient_equal_to_other_libraries(frozen, gradient, package):
    for case in frozen("cispo", package):
        given = case.inputs

        def loss(x, given=given):
            tokens = cispo_loss(
                x,
                given["old_log_probs"],
                given["advantages"],
                ratio_low=given["ratio_low"],
                ratio_high=given["ratio_high"],
            )
            return token_mean(tokens, given["mask"])

        found = float(loss(given["log_probs"]))
        assert found == pytest.approx(case.expected["token_mean"], rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, given["log_probs"]),
            case.expected["gradient"],
            rtol=1e-4,
            atol=1e-6,
        )


def random_case(seed=0, shape=(2, 3, 4)):
    rng = np.random.default_rng(seed)
    log_probs = -rng.exponential(size=shape).astype("float32")
    advantages = rng.normal(size=shape).astype("float32")
    return log_probs, advantages, rng.random(shape) < 0.7


def test_first_update_has_the_plain_policy_gradient(gradient):
    log_probs, advantages, mask = random_case()
    found = gradient(
        lambda x: token_mean(cispo_loss(x, log_probs, advantages), mask), log_probs
    )
    plain = gradient(
        lambda x: token_mean(policy_gradient_loss(x, advantages), mask), log_probs
    )
    np.testing.assert_allclose(found, plain, rtol=1e-5)


def test_a_step_raises_good_tokens_and_lowers_bad_ones(gradient, token_log_probs):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    actions = rng.integers(0, 5, size=(2, 3, 4))
    advantages, mask = random_case()[1:]
    before = to_numpy(token_log_probs(ops.convert_to_tensor(logits), actions))
    old = before - rng.normal(0, 2, size=before.shape).astype("float32")  # far outside

    def loss(x):
        log_probs = token_log_probs(x, actions)
        tokens = cispo_loss(log_probs, old, advantages, ratio_low=0.5, ratio_high=2.0)
        return token_mean(tokens, mask)

    after = logits - 0.1 * gradient(loss, logits)
    change = to_numpy(token_log_probs(ops.convert_to_tensor(after), actions)) - before
    assert (np.sign(change[mask]) == np.sign(advantages[mask])).all()
    assert np.abs(change[~mask]).max() < 1e-6


def test_no_gradient_to_the_sampler_or_the_advantages(gradient):
    log_probs, advantages, _ = random_case()
    for of in (
        lambda x: ops.sum(cispo_loss(log_probs, x, advantages)),
        lambda x: ops.sum(cispo_loss(log_probs, log_probs, x)),
    ):
        assert not gradient(of, log_probs).any()


def test_extremes_are_finite_and_masked_is_dropped(gradient):
    extreme = np.float32([-np.inf, -1e30, -200.0, 0.0])
    new, old = (part.ravel() for part in np.meshgrid(extreme, extreme))
    mask = np.isfinite(new) & np.isfinite(old)
    advantages = np.linspace(-1, 1, len(new)).astype("float32")

    def loss(x, keep=slice(None), mask=mask):
        return token_mean(cispo_loss(x[keep], old[keep], advantages[keep]), mask[keep])

    assert np.isfinite(to_numpy(cispo_loss(new, old, advantages))).all()
    assert np.isfinite(gradient(loss, new)).all()
    np.testing.assert_allclose(float(loss(new)), float(loss(new, mask)), rtol=1e-5)
    nothing = np.zeros_like(mask)
    assert float(loss(new, mask=nothing)) == 0.0
    assert not gradient(lambda x: loss(x, mask=nothing), new).any()


@pytest.mark.parametrize(("low", "high"), [(-0.1, 2.0), (2.0, 2.0), (3.0, 2.0)])
def test_limits_are_in_order(low, high):
    zero = np.zeros(2, "float32")
    with pytest.raises(ConfigError, match="ratio_low must be at least 0 and less"):
        cispo_loss(zero, zero, zero, ratio_low=low, ratio_high=high)


def test_shapes_must_agree():
    zero = np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="advantages must have the shape"):
        cispo_loss(zero, zero, zero[:, :1])
