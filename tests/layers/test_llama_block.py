import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.llama_block import LlamaBlock, rms_norm
from nutgraf.layers.packing import Grid
from nutgraf.layers.rotary import rotation
from nutgraf.layers.rotary_attention import KeysValues

NONE = Dropout(0.0, None)


@pytest.fixture(scope="module")
def block():
    made = LlamaBlock(8, 2, 16)
    made.build()
    return made


def at(positions):
    return rotation(np.asarray(positions)[:, None, None, :], 4)


def read(block, x, first=0, **options):
    where = at([np.arange(x.shape[2]) + first] * x.shape[0])
    mask = causal_mask(x.shape[2])
    return block.read(ops.convert_to_tensor(x), where, mask, NONE, **options)


def test_rms_norm_divides_by_the_root_of_the_mean_square():
    x = np.array([[3.0, -4.0]], "float32")
    layer = rms_norm("norm", "float32")
    layer.build((None, 2))
    # the mean square is 12.5
    np.testing.assert_allclose(to_numpy(layer(x)), x / np.sqrt(12.5 + 1e-5), rtol=1e-5)


def test_a_text_is_the_same_in_two_parts_and_step_by_step(block):
    x = np.random.default_rng(0).normal(size=(2, 1, 7, 8)).astype("float32")
    whole = to_numpy(read(block, x)[0])[:, :, 3:]
    start = x[:, :, :3]
    prompt = [
        (block.keys_values(ops.convert_to_tensor(start), at([range(3)] * 2)), True)
    ]
    rest, own = read(block, x[:, :, 3:], 3, prompt=prompt)
    np.testing.assert_allclose(to_numpy(rest), whole, rtol=1e-4, atol=1e-5)
    zeros = ops.zeros((2, 2, 4, 4))
    past = KeysValues(zeros, zeros)
    seen = np.ones((2, 1, 3), bool)
    for time in range(4):
        now = ops.convert_to_tensor(x[:, 0, 3 + time])
        where = rotation(np.full((2, 1), 3 + time), 4)
        out, past = block.step(
            now, where, np.int32(time), past, prompt[0][0], seen, Grid((2, 1))
        )
        np.testing.assert_allclose(
            to_numpy(out), whole[:, 0, time], rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(
        to_numpy(past.keys), to_numpy(own.keys)[:, :, 0], rtol=1e-4, atol=1e-5
    )


def test_no_weight_is_a_bias(block):
    names = sorted(v.path.split("/", 1)[-1] for v in block.weights)
    assert names == [
        "feed_forward/expand/kernel",
        "feed_forward/gate/kernel",
        "feed_forward/reduce/kernel",
        "feed_forward_norm/scale",
        "self_attention/key/kernel",
        "self_attention/output/kernel",
        "self_attention/query/kernel",
        "self_attention/value/kernel",
        "self_attention_norm/scale",
    ]
