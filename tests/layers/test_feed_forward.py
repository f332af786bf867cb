import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.layers.feed_forward import FeedForward


def test_equals_the_formula():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer = FeedForward(4, 6)
    layer.build()
    w1, b1, w2, b2 = [to_numpy(v.value) for v in layer.weights]
    expected = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-6)
    assert layer.get_config()["hidden"] == 6
