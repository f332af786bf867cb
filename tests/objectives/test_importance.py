"""Importance weights against verl; bounds, no gradient, and what bias they have."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.importance import (
    masked_importance_weights,
    truncated_importance_weights,
)

BOTH = [truncated_importance_weights, masked_importance_weights]
both = pytest.mark.parametrize("weights_of", BOTH)


def test_literal():
    # ratios 1/2, 3, 8 and 1/10
    new, old = np.float32([0.25, 0.6, 0.8, 0.05]), np.float32([0.5, 0.2, 0.1, 0.5])
    new, old = np.log(new), np.log(old)
    truncated = to_numpy(truncated_importance_weights(new, old))
    np.testing.assert_allclose(truncated, [0.5, 2, 2, 0.1], rtol=1e-5)
    masked = to_numpy(masked_importance_weights(new, old, low=0.2, high=4.0))
    np.testing.assert_allclose(masked, [0.5, 3, 0, 0], rtol=1e-5)


def test_equal_to_verl(frozen):
    for case in frozen("importance"):
        given, expected = case.inputs, case.expected
        pair, mask = (given["log_probs"], given["behaviour_log_probs"]), given["mask"]
        truncated = truncated_importance_weights(*pair, limit=given["limit"])
        masked = masked_importance_weights(*pair, low=given["low"], high=given["high"])
        for found, name in ((truncated, "truncated"), (masked, "masked")):
            np.testing.assert_allclose(
                np.where(mask, to_numpy(found), 0), expected[name], rtol=1e-5, atol=1e-6
            )


@both
def test_same_policy_weighs_one(weights_of):
    log_probs = np.float32([-0.1, -3.0, -50.0])
    assert to_numpy(weights_of(log_probs, log_probs)).tolist() == [1.0, 1.0, 1.0]


@both
def test_no_gradient_flows_through(weights_of, gradient):
    log_probs = np.float32([-0.1, -3.0])
    for of in (
        lambda x: ops.sum(weights_of(x, log_probs)),
        lambda x: ops.sum(weights_of(log_probs, x)),
    ):
        assert not gradient(of, log_probs).any()


@both
def test_extremes_are_finite(weights_of):
    extreme = np.float32([-np.inf, -1e30, -200.0, 0.0])
    new, old = np.meshgrid(extreme, extreme)
    found = to_numpy(weights_of(new, old))
    assert np.isfinite(found).all() and (found >= 0).all() and (found <= 5).all()


def test_truncation_keeps_the_mean_where_it_does_not_bite():
    # sum over actions of q * min(p / q, c) = sum of min(p, c q)
    p, q = np.float32([0.7, 0.2, 0.1]), np.float32([0.2, 0.3, 0.5])
    for limit, expected in ((4.0, 1.0), (2.0, 0.4 + 0.2 + 0.1)):
        weights = truncated_importance_weights(np.log(p), np.log(q), limit=limit)
        assert (q * to_numpy(weights)).sum() == pytest.approx(expected, rel=1e-5)


def test_limits_are_in_order():
    zero = np.zeros(2, "float32")
    with pytest.raises(ConfigError, match="limit must be greater than 0. Received"):
        truncated_importance_weights(zero, zero, limit=0.0)
    for low, high in ((-1.0, 2.0), (2.0, 2.0)):
        with pytest.raises(ConfigError, match="low must be at least 0 and less than"):
            masked_importance_weights(zero, zero, low=low, high=high)


@both
def test_shapes_must_agree(weights_of):
    with pytest.raises(ValueError, match="behaviour_log_probs must have the shape"):
        weights_of(np.ones((2, 3)), np.ones((2, 1)))
