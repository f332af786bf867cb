"""The cells are Keras' own, masks, directions and gradients included."""

import keras
import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.layers.recurrent import CELLS, Bidirectional, RecurrentCell, run_cells

pytestmark = pytest.mark.backend

ROWS, STEPS, WIDTH, UNITS = 3, 7, 4, 6
KERAS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "rnn": keras.layers.SimpleRNN,
}
MASK = np.array([[1] * 7, [1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 1, 0]], bool)
"""Whole, padded on the right, padded everywhere."""


@pytest.fixture(params=CELLS)
def kind(request):
    keras.utils.set_random_seed(0)
    return request.param


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(ROWS, STEPS, WIDTH)).astype("float32")


def filled(layer, shape):
    """Build a layer and give all of its weights, biases too, random values."""
    layer.build(shape)
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape).astype("float32") / 2)
    return layer


def oracle(kind, cell, **options):
    """Keras' layer with the weights of a cell; not cuDNN's, which rounds otherwise."""
    if kind != "rnn":
        options["use_cudnn"] = False
    layer = KERAS[kind](UNITS, return_sequences=True, return_state=True, **options)
    layer.build((None, None, WIDTH))
    layer.set_weights([to_numpy(w.value) for w in cell.weights])
    return layer


def close(one, two):
    np.testing.assert_allclose(to_numpy(one), to_numpy(two), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_outputs_and_states_are_those_of_keras(kind, x, mask):
    cell = filled(RecurrentCell(kind, UNITS), (None, None, WIDTH))
    outputs, *states = oracle(kind, cell)(x, mask=mask)
    start = cell.begin(ROWS, "float32")
    masks = None if mask is None else [ops.convert_to_tensor(mask)]
    found = run_cells([cell], [cell.project(x)], [start], masks)[0]
    close(found[0], outputs)
    assert len(found) == len(states)
    for own, state in zip(found, states, strict=True):
        close(own[:, -1], state)
    close(cell(x, None if mask is None else masks[0]), outputs)


def test_both_directions_are_keras_bidirectional(kind, x):
    layer = filled(Bidirectional(kind, 2 * UNITS), (None, None, WIDTH))
    outputs, ends = layer(x, ops.convert_to_tensor(MASK))
    ahead = oracle(kind, layer.ahead)(x, mask=MASK)
    back = oracle(kind, layer.back, go_backwards=True)(x, mask=MASK)
    expected = ops.concatenate([ahead[0], ops.flip(back[0], axis=1)], axis=-1)
    close(
        ops.where(MASK[..., None], outputs, 0), ops.where(MASK[..., None], expected, 0)
    )
    for end, one, two in zip(ends, ahead[1:], back[1:], strict=True):
        close(end, ops.concatenate([one, two], axis=-1))


def test_gradients_are_those_of_keras(kind, x):
    """Through the compiled loop, to inputs and weights."""
    cell = filled(RecurrentCell(kind, UNITS), (None, None, WIDTH))
    layer = oracle(kind, cell)
    weigh = np.random.default_rng(2).normal(size=(ROWS, STEPS, UNITS)).astype("float32")

    def loss(module, call):
        def of(values, x):
            with with_values(module.trainable_variables, values[1:]):
                return ops.sum(call(values[0]) * ops.convert_to_tensor(weigh)), {}

        return value_and_grad(of)

    values = [x, *(to_numpy(w.value) for w in cell.trainable_variables)]
    tensors = [ops.convert_to_tensor(value) for value in values]
    mask = ops.convert_to_tensor(MASK)
    own = backend.jit(loss(cell, lambda x: cell(x, mask)))
    (one, _), found = own(values, x)
    (two, _), expected = loss(layer, lambda x: layer(x, mask=MASK)[0])(tensors, x)
    np.testing.assert_allclose(to_numpy(one), to_numpy(two), rtol=1e-5)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-4, atol=1e-5)
        assert abs(to_numpy(a)).max() > 1e-2


def test_inputs_in_two_parts_are_the_whole_inputs(kind, x):
    cell = filled(RecurrentCell(kind, UNITS), (None, None, WIDTH))
    late = ops.matmul(x[..., 1:], cell.late_kernel(1))
    close(cell.project(x[..., :1]) + late, cell.project(x))


def test_first_weights_are_those_of_keras(kind):
    """Ones for the forget gate of an LSTM, zeros elsewhere."""
    cell = RecurrentCell(kind, UNITS)
    cell.build((None, None, WIDTH))
    layer = KERAS[kind](UNITS)
    layer.build((None, None, WIDTH))
    for own, other in zip(cell.weights, layer.weights, strict=True):
        assert tuple(own.shape) == tuple(other.shape)
        assert own.name == other.name
    close(cell.bias.value, layer.weights[-1].value)


def test_what_is_masked_is_not_read(kind, x):
    layer = filled(Bidirectional(kind, 2 * UNITS), (None, None, WIDTH))
    mask = ops.convert_to_tensor(MASK)
    other = np.where(MASK[..., None], x, 9.0).astype("float32")
    one, two = layer(x, mask), layer(other, mask)
    close(ops.where(MASK[..., None], one[0], 0), ops.where(MASK[..., None], two[0], 0))
    for a, b in zip(one[1], two[1], strict=True):
        close(a, b)


def test_the_loop_is_not_unrolled(kind):
    """A program for 300 steps is as long as one for 30."""
    if backend.name == "torch":
        return  # nothing is compiled there
    cell = filled(RecurrentCell(kind, UNITS), (None, None, WIDTH))

    def loss(values, x):
        with with_values(cell.trainable_variables, values):
            return ops.sum(cell(x)), {}

    def size(steps):
        values = [to_numpy(w.value) for w in cell.trainable_variables]
        x = np.zeros((2, steps, WIDTH), "float32")
        if backend.name == "jax":
            import jax

            return len(str(jax.make_jaxpr(value_and_grad(loss))(values, x)))
        import tensorflow as tf

        traced = tf.function(value_and_grad(loss), autograph=False)
        graph = traced.get_concrete_function(
            [tf.constant(value) for value in values], tf.constant(x)
        ).graph
        return len(graph.get_operations())

    assert size(300) < 1.1 * size(30)


def test_half_precision_keeps_float32_states(kind, x):
    cell = RecurrentCell(kind, UNITS, dtype="mixed_bfloat16")
    filled(cell, (None, None, WIDTH))
    whole = filled(RecurrentCell(kind, UNITS), (None, None, WIDTH))
    one, two = to_numpy(cell.call(x)), to_numpy(whole(x))
    assert keras.backend.standardize_dtype(cell.call(x).dtype) == "float32"
    assert 0 < abs(one - two).max() < 0.1  # bfloat16 has three decimal digits


def test_another_cell_is_refused():
    with pytest.raises(ValueError, match="must be one of lstm, gru, rnn. Received"):
        RecurrentCell("elman", 3)


def test_config_round_trip(kind):
    for layer in (RecurrentCell(kind, UNITS), Bidirectional(kind, UNITS)):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
    assert RecurrentCell(kind, 5).compute_output_shape((2, 3, 4)) == (2, 3, 5)
    assert Bidirectional(kind, 4).compute_output_shape((2, 3, 4))[0] == (2, 3, 4)
