import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.categorical import categorical


def draw(probs, uniforms):
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.asarray(probs, "float32"))
    rows = len(uniforms)
    log_probs = np.broadcast_to(np.maximum(log_probs, -1e9), (rows, len(probs)))
    return to_numpy(
        categorical(
            ops.convert_to_tensor(log_probs.copy()),
            ops.convert_to_tensor(np.asarray(uniforms, "float32")),
        )[0]
    ).tolist()


def test_inverse_of_the_cumulative_sum_by_hand():
    # cumulative 0.1 0.5 0.7 1.0
    assert draw([0.1, 0.4, 0.2, 0.3], [0.05, 0.15, 0.49, 0.55, 0.75, 0.999]) == [
        0, 1, 1, 2, 3, 3,
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, 8192])
def test_every_size_equals_searchsorted(size):
    random = np.random.default_rng(size)
    probs = random.dirichlet(np.full(size, 0.3)).astype("float32")
    uniforms = random.random(500).astype("float32")
    cumulative = np.cumsum(probs.astype("float64"))
    expected = np.searchsorted(cumulative, uniforms * cumulative[-1], side="right")
    found = np.asarray(draw(probs, uniforms))
    near = abs(cumulative[np.minimum(found, expected)] - uniforms) < 1e-5
    assert ((found == expected) | near).all()  # equal but for ties within rounding


def test_impossible_actions_are_never_drawn():
    probs = np.zeros(300)
    probs[[5, 200]] = 0.5
    found = draw(probs, np.linspace(1e-7, 1 - 1e-7, 1001))
    assert set(found) == {5, 200}


def test_logits_need_not_be_normalised():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20, 100)).astype("float32")
    uniforms = random.random(20).astype("float32")
    total = np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    normalised, nothing = to_numpy(categorical(*tensors(logits - total, uniforms)))
    drawn, normaliser = to_numpy(categorical(*tensors(logits + 40, uniforms)))
    assert drawn.tolist() == normalised.tolist()
    np.testing.assert_allclose(nothing, 0.0, atol=1e-5)
    np.testing.assert_allclose(normaliser, total[:, 0] + 40, rtol=1e-5)


def tensors(*arrays):
    return [ops.convert_to_tensor(array) for array in arrays]
