import math

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.layers.feed_forward import FeedForward


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@pytest.mark.backend
@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("gelu", gelu),
        ("gelu-tanh", gelu_tanh),
    ],
)
def test_equals_the_formula(activation, function):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer = FeedForward(4, 6, activation)
    layer.build()
    w1, b1, w2, b2 = [to_numpy(v.value) for v in layer.weights]
    expected = function(x @ w1 + b1) @ w2 + b2
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-6)
    config = layer.get_config()
    assert config["hidden"] == 6 and config["activation"] == activation


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match="Received: activation='swish'"):
        FeedForward(4, 6, "swish")
