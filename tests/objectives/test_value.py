"""The critic's loss against verl, its explained variance against scikit-learn."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.reduce import token_mean
from nutgraf.objectives.value import explained_variance, value_loss


def random_case(seed=0, shape=(2, 3, 4)):
    rng = np.random.default_rng(seed)
    arrays = rng.normal(size=(3, *shape)).astype("float32")
    return (*arrays, rng.random(shape) < 0.7)


def test_literal():
    # plain: half of 1, 9; clipped at old +- 0.25: 0.75 -> half of 1.25^2, 3 stays worse
    values, returns = np.float32([[1, 5]]), np.float32([[2, 2]])
    plain = value_loss(values, returns)
    assert to_numpy(plain).tolist() == [[0.5, 4.5]]
    old = np.float32([[0.5, 1]])
    found = value_loss(values, returns, old, clip_range=0.25)
    assert to_numpy(found).tolist() == [[0.78125, 4.5]]


def test_literal_explained_variance():
    # around their means: returns -2 0 2, squares 8; what is missed 1 0 -1, squares 2
    returns, missed = np.float32([-2, 0, 2, 99]), np.float32([1, 0, -1, 7])
    mask = np.array([1, 1, 1, 0], bool)
    found = explained_variance(returns - missed, returns, mask)
    assert float(found) == pytest.approx(1 - 2 / 8)


def test_loss_and_gradient_equal_to_verl(frozen, gradient):
    for case in frozen("value", "verl"):
        given = case.inputs

        def loss(x, given=given):
            tokens = value_loss(
                x, given["returns"], given["old_values"], clip_range=given["clip_range"]
            )
            return token_mean(tokens, given["mask"])

        found = float(loss(given["values"]))
        assert found == pytest.approx(case.expected["token_mean"], rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, given["values"]),
            case.expected["gradient"],
            rtol=1e-4,
            atol=1e-6,
        )


def test_explained_variance_equal_to_scikit_learn(frozen):
    for case in frozen("value", "scikit-learn"):
        found = float(explained_variance(**case.inputs))
        expected = case.expected["explained_variance"]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("clip_range", [None, 1e6])
def test_a_step_brings_the_guess_nearer(gradient, clip_range):
    values, returns, old, mask = random_case()

    def loss(x):
        return token_mean(value_loss(x, returns, old, clip_range=clip_range), mask)

    after = values - 0.1 * gradient(loss, values)
    nearer = np.abs(after - returns) < np.abs(values - returns)
    assert nearer[mask].all() and (after == values)[~mask].all()


def test_a_guess_beyond_the_clip_is_not_driven_further(gradient):
    # moved from 0 to 1 towards 5, and from 0 to 1 away from -5
    values, returns = np.float32([1, 1]), np.float32([5, -5])
    found = gradient(
        lambda x: ops.sum(value_loss(x, returns, np.zeros(2, "f"), clip_range=0.5)),
        values,
    )
    assert found.tolist() == [0.0, 6.0]


def test_no_gradient_to_targets_and_old_guesses(gradient):
    values, returns, old, _ = random_case()
    for of in (
        lambda x: ops.sum(value_loss(values, x, old, clip_range=0.2)),
        lambda x: ops.sum(value_loss(values, returns, x, clip_range=0.2)),
    ):
        assert not gradient(of, returns).any()


def test_masked_is_dropped_and_all_masked_gives_zero():
    values, returns, _, mask = random_case()
    expected = float(explained_variance(values, returns, mask))
    poisoned = np.where(mask, values, np.nan)
    assert float(explained_variance(poisoned, returns, mask)) == expected
    everything = np.ones(mask.sum(), bool)
    dropped = explained_variance(values[mask], returns[mask], everything)
    assert float(dropped) == pytest.approx(expected, rel=1e-5)
    assert float(explained_variance(values, returns, np.zeros_like(mask))) == 0.0


def test_explained_variance_of_good_bad_and_constant():
    values, returns, _, mask = random_case()
    assert float(explained_variance(returns + 3, returns, mask)) == pytest.approx(1.0)
    constant = explained_variance(np.ones_like(values), returns, mask)
    assert float(constant) == pytest.approx(0.0, abs=1e-6)
    assert float(explained_variance(-returns, returns, mask)) < 0
    assert float(explained_variance(values, np.ones_like(values), mask)) == 0.0


@pytest.mark.parametrize("clip_range", [0.0, -1.0])
def test_clip_range_is_positive(clip_range):
    zero = np.zeros(2, "float32")
    with pytest.raises(ConfigError, match="clip_range must be greater than 0"):
        value_loss(zero, zero, zero, clip_range=clip_range)


def test_a_clip_needs_the_old_guesses():
    zero = np.zeros(2, "float32")
    with pytest.raises(ConfigError, match="clip_range=0.2 without old_values"):
        value_loss(zero, zero, clip_range=0.2)


def test_shapes_must_agree():
    zero = np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="returns must have the shape"):
        value_loss(zero, zero[:1])
    with pytest.raises(ValueError, match="old_values must have the shape"):
        value_loss(zero, zero, zero[:, :1], clip_range=0.2)
    with pytest.raises(ValueError, match="mask must have the shape"):
        explained_variance(zero, zero, zero[:1])
