"""Additive attention and coverage, worked out by hand."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy, value_and_grad
from nutgraf.layers.additive_attention import AdditiveAttention, coverage_loss

pytestmark = pytest.mark.backend


def made(coverage):
    """Width 1: W_h = 2, b = 0.5, W_q = 1, v = 3, w_c = -1."""
    layer = AdditiveAttention(1, coverage)
    layer.build()
    numbers = {"kernel": 2, "bias": 0.5, "query_kernel": 1, "score_kernel": 3}
    for weight in layer.weights:
        value = {**numbers, "coverage_kernel": -1}[weight.name]
        weight.assign(np.full(weight.shape, value, "float32"))
    return layer


STATES = np.float32([[[0.1], [0.5], [9.0]]])
VISIBLE = np.array([[[True, True, False]]])


def by_hand(query, coverage=(0.0, 0.0)):
    """softmax(3 tanh(2 h + 0.5 + q - c)) over the two states that are seen."""
    states = np.array([0.1, 0.5])
    scores = 3 * np.tanh(2 * states + 0.5 + query - np.array(coverage))
    weights = np.exp(scores) / np.exp(scores).sum()
    return weights @ states, [*weights, 0.0]


def test_weights_and_what_is_seen_are_those_of_the_formula():
    layer = made(False)
    query = np.float32([[[-1.0], [0.3]]])
    seen, weights = to_numpy(list(layer(query, STATES, VISIBLE)))
    for number, value in enumerate((-1.0, 0.3)):
        expected, shares = by_hand(value)
        np.testing.assert_allclose(weights[0, number], shares, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(seen[0, number, 0], expected, rtol=1e-5)


def test_coverage_makes_a_place_less_likely():
    layer = made(True)
    keys = layer.keys(STATES)
    query, coverage = np.float32([[[-1.0]]]), np.float32([[[0.0, 1.5, 0.0]]])
    args = layer.weights_for_steps(), query, keys, STATES, VISIBLE
    seen, weights = to_numpy(list(layer.attend(*args, coverage)))
    expected, shares = by_hand(-1.0, (0.0, 1.5))
    np.testing.assert_allclose(weights[0, 0], shares, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(seen[0, 0, 0], expected, rtol=1e-5)
    before = to_numpy(layer.attend(*args, np.zeros_like(coverage))[1])
    assert weights[0, 0, 1] < before[0, 0, 1] - 0.3


def test_coverage_loss_by_hand():
    """Coverage before step 2 is (0.2, 0.8), before step 3 (0.7, 1.3)."""
    attention = np.float32([[[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]])
    found = to_numpy(coverage_loss(attention))
    # min: step 2 (0.2, 0.5), step 3 (0.7, 0.1)
    np.testing.assert_allclose(found, [[0.0, 0.7, 0.8]], rtol=1e-5, atol=1e-6)


def test_looking_elsewhere_costs_nothing():
    assert to_numpy(coverage_loss(np.eye(4, dtype="float32"))).tolist() == [0.0] * 4


def test_gradients_are_finite_where_nothing_can_be_seen():
    layer = made(True)

    def loss(values):
        weights, query, keys = values[:3], values[3], values[4]
        coverage = ops.zeros((1, 1, 3))
        seen, found = layer.attend(
            weights, query, keys, STATES, np.zeros_like(VISIBLE), coverage
        )
        return ops.sum(seen) + ops.sum(found**2), {}

    values = [*layer.weights_for_steps(), ops.ones((1, 1, 1)), layer.keys(STATES)]
    (value, _), grads = value_and_grad(loss)(values)
    assert np.isfinite(to_numpy(value))
    assert all(np.isfinite(to_numpy(grad)).all() for grad in grads)


def test_config_round_trip():
    layer = AdditiveAttention(8, coverage=True)
    again = AdditiveAttention.from_config(layer.get_config())
    assert (again.width, again.coverage) == (8, True)
