import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.causal_block import CausalBlock, block_norm
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid
from nutgraf.layers.rotary import rotation
from nutgraf.layers.rotary_attention import KeysValues

NONE = Dropout(0.0, None)
WIDTH, HEADS, SIZE = 16, 4, 4


@pytest.fixture(
    scope="module", params=[("llama", 0), ("llama", 2), ("llama", 1), ("gpt2", 0)]
)
def block(request):
    kind, shared = request.param
    made = CausalBlock(WIDTH, HEADS, 24, shared, kind)
    made.build()
    return made


def at(block, positions):
    if block.settings["kind"] == "gpt2":
        return None
    return rotation(np.asarray(positions)[:, None, None, :], SIZE)


def states(*shape, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(*shape, WIDTH))
    return ops.convert_to_tensor(drawn.astype("float32"))


def read(block, x, first=0, **options):
    where = at(block, [np.arange(x.shape[2]) + first] * x.shape[0])
    mask = causal_mask(x.shape[2])[None, None]
    return block.read(x, where, mask, NONE, **options)


def test_rms_norm_divides_by_the_root_of_the_mean_square():
    x = np.array([[3.0, -4.0]], "float32")
    layer = block_norm("llama", "norm", "float32")
    layer.build((None, 2))
    # the mean square is 12.5
    np.testing.assert_allclose(to_numpy(layer(x)), x / np.sqrt(12.5 + 1e-5), rtol=1e-5)


def test_a_text_is_the_same_in_two_parts_and_step_by_step(block):
    """Two prompts of 3 tokens, two samples of each that go on by 4."""
    start, rest = states(2, 1, 3), states(2, 2, 4, seed=1)
    both = ops.concatenate([ops.repeat(start, 2, axis=1), rest], axis=2)
    whole = to_numpy(read(block, both)[0])[:, :, 3:]
    seen = np.ones((1, 1, 1, 1, 3), bool)
    prompt = block.keys_values(start, at(block, [range(3)] * 2))
    found, own = read(block, rest, 3, prompt=[(prompt, seen)])
    np.testing.assert_allclose(to_numpy(found), whole, rtol=1e-4, atol=1e-5)
    shared = block.attention.key_value_heads
    past = KeysValues(*[ops.zeros((4, shared, 4, SIZE))] * 2)
    for time in range(4):
        now = ops.reshape(rest[:, :, time], (4, WIDTH))
        where = None
        if block.settings["kind"] == "llama":
            where = rotation(np.full((4, 1), 3 + time), SIZE)
        out, past = block.step(
            now, where, np.int32(time), past, prompt, seen[0, 0], Grid((2, 2))
        )
        np.testing.assert_allclose(
            to_numpy(out).reshape(2, 2, WIDTH), whole[:, :, time], rtol=1e-4, atol=1e-5
        )
    kept = to_numpy(ops.transpose(own.keys, (0, 2, 1, 3, 4)))  # (P, G, K, T, D/H)
    np.testing.assert_allclose(
        to_numpy(past.keys), kept.reshape(4, shared, 4, SIZE), rtol=1e-4, atol=1e-5
    )


def test_weights_are_those_of_the_kind(block):
    found = {v.path.split("/", 1)[-1] for v in block.weights}
    layers = [f"self_attention/{n}" for n in ("key", "output", "query", "value")]
    layers += ["feed_forward/expand", "feed_forward/reduce"]
    norms = ["self_attention_norm", "feed_forward_norm"]
    if block.settings["kind"] == "gpt2":
        expected = {f"{name}/{part}" for name in layers for part in ("kernel", "bias")}
        expected |= {f"{name}/{part}" for name in norms for part in ("gamma", "beta")}
    else:
        layers.append("feed_forward/gate")
        expected = {f"{name}/kernel" for name in layers}
        expected |= {f"{name}/scale" for name in norms}
    assert found == expected
    shared = block.attention.key_value_heads
    assert block.attention.key.kernel.shape == (WIDTH, shared * SIZE)
