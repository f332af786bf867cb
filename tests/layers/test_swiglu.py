import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.layers.swiglu import SwiGLU


def test_equals_the_formula():
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    layer = SwiGLU(4, 6)
    layer.build()
    named = {v.path.split("/", 1)[-1]: to_numpy(v.value) for v in layer.weights}
    gate = x @ named["gate/kernel"]
    silu = gate / (1 + np.exp(-gate))
    expected = (silu * (x @ named["expand/kernel"])) @ named["reduce/kernel"]
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-4, atol=1e-6)
    assert len(named) == 3  # no biases
    assert layer.get_config()["hidden"] == 6
