"""BERT: padding changes nothing on either side, dropout, gradients, Keras."""

import keras
import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.backend import to_numpy
from nutgraf.layers.dropout import Dropout
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import BertConfig
from nutgraf.models.checkpoint import weight_names

pytestmark = pytest.mark.backend

CONFIG = BertConfig(
    vocabulary_size=50, width=16, heads=2, feed_forward=24, layers=2, max_length=12
)


@pytest.fixture(scope="module")
def bert():
    keras.utils.set_random_seed(0)
    model = Bert(CONFIG)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:  # embeddings that matter, biases too
        value = to_numpy(variable.value)
        variable.assign(value + 0.3 * random.normal(size=value.shape))
    return model


def texts():
    random = np.random.default_rng(1)
    lengths = (7, 3, 1)
    return [random.integers(5, 50, n).astype("int32") for n in lengths]


def batch(rows, length, side="right"):
    ids, mask = (
        np.zeros((len(rows), length), "int32"),
        np.zeros((len(rows), length), bool),
    )
    for number, row in enumerate(rows):
        part = slice(0, len(row)) if side == "right" else slice(length - len(row), None)
        ids[number, part], mask[number, part] = row, True
    return ids, mask


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("length", [7, 12])
def test_padding_changes_nothing(bert, side, length):
    rows = texts()
    ids, mask = batch(rows, length, side)
    found = to_numpy(bert.encode(ids, mask))
    for row, states, there in zip(rows, found, mask, strict=True):
        alone = to_numpy(bert.encode(row[None], np.ones((1, len(row)), bool)))[0]
        np.testing.assert_allclose(states[there], alone, rtol=1e-4, atol=1e-5)


def test_texts_in_a_row_see_nothing_of_each_other(bert):
    rows = texts()
    ids = np.concatenate([*rows, [0]])[None]
    numbers = np.concatenate([np.full(len(row), n + 1) for n, row in enumerate(rows)])
    numbers = np.append(numbers, 0)[None].astype("int32")
    positions = np.concatenate([*(np.arange(len(row)) for row in rows), [0]])[None]
    packed = (numbers, positions.astype("int32"))
    found = to_numpy(bert.encode(ids, numbers > 0, packed=packed))[0]
    assert np.isfinite(found).all()
    for number, row in enumerate(rows, 1):
        alone = to_numpy(bert.encode(row[None], np.ones((1, len(row)), bool)))[0]
        place = numbers[0] == number
        np.testing.assert_allclose(found[place], alone, rtol=1e-4, atol=1e-5)


def test_a_row_without_tokens_is_finite(bert):
    found = to_numpy(bert.encode(np.zeros((1, 4), "int32"), np.zeros((1, 4), bool)))
    assert np.isfinite(found).all()


def test_order_and_segments_matter(bert):
    ids = np.array([[7, 8, 9]], "int32")
    mask = np.ones((1, 3), bool)
    plain = to_numpy(bert.encode(ids, mask))
    turned = to_numpy(bert.encode(ids[:, ::-1], mask))[:, ::-1]
    second = to_numpy(bert.encode(ids, mask, np.array([[0, 1, 1]], "int32")))
    assert abs(plain - turned).max() > 0.1 and abs(plain - second).max() > 0.1


def test_depth_stops_after_a_block(bert):
    ids, mask = batch(texts(), 7)
    whole = to_numpy(bert.encode(ids, mask, depth=2))
    np.testing.assert_array_equal(whole, to_numpy(bert.encode(ids, mask)))
    half = bert.encode(ids, mask, depth=1)
    visible = mask[:, None, :]
    last = to_numpy(bert.blocks[1](half, visible, dropout=Dropout(0.0, None)))
    np.testing.assert_allclose(last[mask], whole[mask], rtol=1e-5, atol=1e-6)


def test_the_keras_model_masks_padding(bert):
    ids, mask = batch(texts(), 7)
    found = to_numpy(bert({"ids": ids}))
    np.testing.assert_allclose(found[mask], to_numpy(bert.encode(ids, mask))[mask])
    segments = np.ones_like(ids)
    other = to_numpy(bert({"ids": ids, "segments": segments}))
    assert abs(other - found)[mask].max() > 0.1


def test_dropout_is_a_function_of_its_seed(bert):
    ids, mask = batch(texts(), 7)

    def dropped(seed):
        return to_numpy(bert.encode(ids, mask, dropout=Dropout(0.3, np.int32(seed))))

    np.testing.assert_array_equal(dropped(1), dropped(1))
    assert abs(dropped(1) - dropped(2)).max() > 0.1
    assert abs(to_numpy(bert({"ids": ids}, training=True)) - dropped(1)).max() > 0.1


def test_every_weight_that_is_read_has_a_gradient(bert):
    ids, mask = batch(texts(), 7)
    ids[0, :] = np.arange(5, 12)
    segments = np.array([[0, 0, 0, 1, 1, 1, 1]] * 3, "int32")
    variables = bert.trainable_variables
    weights = np.random.default_rng(3).normal(size=(3, 7, 16)).astype("float32")

    def loss(values, ids):
        with backend.with_values(variables, values):
            states = bert.encode(ids, mask, segments)
        return ops.sum(states * ops.convert_to_tensor(weights)), ()

    values = [variable.value for variable in variables]
    _, grads = backend.jit(lambda v, i: backend.value_and_grad(loss)(v, i))(values, ids)
    for name, grad in zip(weight_names(variables), to_numpy(grads), strict=True):
        assert abs(grad).max() > 1e-4 or "key/bias" in name, name  # softmax: no shift


def test_jit_equals_eager(bert):
    ids, mask = batch(texts(), 7)
    found = to_numpy(backend.jit(bert.encode)(ids, mask))
    expected = to_numpy(bert.encode(ids, mask))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_too_long_a_text_is_named(bert):
    with pytest.raises(ValueError, match="at most 12 tokens.*Received: ids.shape"):
        bert.encode(np.ones((1, 13), "int32"), np.ones((1, 13), bool))


def test_a_config_makes_the_model_again(bert):
    again = Bert.from_config(bert.get_config())
    assert again.config == CONFIG
    assert again.count_params() == bert.count_params()
