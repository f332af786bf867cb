"""Label smoothing against torch, and by hand."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.supervised import perplexity, smoothed_cross_entropy


def test_literal():
    # V = 4, probabilities .5 .25 .125 .125, target the first: -log 2 and
    # mean -(1 + 2 + 3 + 3) / 4 log 2 = -2.25 log 2; 0.2 of it in, 0.8 of the target.
    target, mean = np.log([0.5]), np.log([0.5, 0.25, 0.125, 0.125]).mean(keepdims=True)
    found = to_numpy(smoothed_cross_entropy(target, mean, 0.2))
    np.testing.assert_allclose(found, [(0.8 + 0.2 * 2.25) * np.log(2)], rtol=1e-6)
    plain = to_numpy(smoothed_cross_entropy(target, mean, 0.0))
    np.testing.assert_allclose(plain, np.log([2]), rtol=1e-6)


def test_equal_to_torch(frozen):
    for case in frozen("supervised"):
        found = to_numpy(smoothed_cross_entropy(**case.inputs))
        np.testing.assert_allclose(found, case.expected["loss"], rtol=1e-5, atol=1e-5)


def test_gradient_raises_the_target(gradient):
    from keras import ops

    mean = np.float32([[-3.0, -3.0]])
    target = np.float32([[-1.0, -9.0]])
    found = gradient(lambda x: ops.sum(smoothed_cross_entropy(x, mean, 0.1)), target)
    np.testing.assert_allclose(found, [[-0.9, -0.9]], rtol=1e-6)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_is_a_share(smoothing):
    with pytest.raises(ConfigError, match=r"smoothing must be in \[0, 1\). Received"):
        smoothed_cross_entropy(np.ones(1), np.ones(1), smoothing)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="mean_log_probs must have the shape"):
        smoothed_cross_entropy(np.ones((2, 3)), np.ones((2, 1)), 0.1)


def test_perplexity_of_a_uniform_guess_is_the_vocabulary():
    total = 7 * np.log(30_000)
    assert float(perplexity(np.float32(total), np.float32(7))) == pytest.approx(
        30_000, rel=1e-4
    )
    assert float(perplexity(np.float32(0), np.float32(0))) == 1.0
    assert np.isfinite(float(perplexity(np.float32(1e6), np.float32(1))))
