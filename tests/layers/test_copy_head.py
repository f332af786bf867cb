import numpy as np
from keras import ops

from nutgraf import backend
from nutgraf.layers.copy_head import CopyHead, draw_mixture, log_add, log_masked_sum


def test_log_add_equals_numpy_at_ordinary_and_extreme_values():
    a = np.array([0.0, -3.0, -1e9, -80.0, -1e9], "float32")
    b = np.array([0.0, -1.0, -2.0, -1e9, -1e9], "float32")
    found = backend.to_numpy(
        log_add(ops.convert_to_tensor(a), ops.convert_to_tensor(b))
    )
    expected = np.logaddexp(a.astype("float64"), b)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_log_masked_sum_adds_every_place_of_a_repeated_word():
    weights = np.array([[0.2, 0.3, 0.5]], "float32")
    chosen = np.array([[True, False, True]])
    found = backend.to_numpy(log_masked_sum(ops.convert_to_tensor(weights), chosen))
    np.testing.assert_allclose(found, np.log([0.7]), rtol=1e-6)


def test_gradient_is_finite_where_nothing_can_be_copied():
    def loss(values, chosen):
        return ops.sum(log_masked_sum(values[0], chosen)), {}

    weights = np.array([[0.0, 1.0]], "float32")
    _, grads = backend.value_and_grad(loss)(
        [ops.convert_to_tensor(weights)], np.array([[True, False]])
    )
    np.testing.assert_array_equal(backend.to_numpy(grads[0]), [[0.0, 0.0]])


def test_weights_sum_to_one_on_visible_positions_only():
    head = CopyHead(4)
    head.build()
    random = np.random.default_rng(0)
    hidden = random.normal(size=(1, 3, 4)).astype("float32")
    keys = random.normal(size=(1, 5, 4)).astype("float32")
    visible = np.array([[[True, True, False, True, False]]])
    weights, gate = head(hidden, keys, visible)
    weights = backend.to_numpy(weights)
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-6)
    assert (weights[..., [2, 4]] == 0).all()
    assert tuple(gate.shape) == (1, 3)


def test_draws_follow_the_mixture():
    random = np.random.default_rng(0)
    words, places, draws = 7, 5, 4000
    logits = random.normal(size=words).astype("float32")
    weights = random.dirichlet(np.ones(places)).astype("float32")
    ids = np.array([3, 1, 3, 6, 0], "int32")  # a word that stands twice
    gate = np.float32(-0.4)
    uniforms = (np.arange(draws, dtype="float32") + 0.5) / draws
    actions, log_probs = backend.to_numpy(
        draw_mixture(
            *(
                ops.convert_to_tensor(np.repeat(part[None], draws, axis=0))
                for part in (logits, weights, gate, ids)
            ),
            ops.convert_to_tensor(uniforms),
        )
    )
    share = 1 / (1 + np.exp(0.4))
    probs = share * np.exp(logits) / np.exp(logits).sum()
    np.add.at(probs, ids, (1 - share) * weights)
    often = np.bincount(actions, minlength=words) / draws
    np.testing.assert_allclose(often, probs, atol=2e-3)  # a few of 4,000 draws
    np.testing.assert_allclose(log_probs, np.log(probs)[actions], rtol=1e-4)
