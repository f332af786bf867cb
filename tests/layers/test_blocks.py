import numpy as np
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.blocks import DecoderBlock, DecoderCache, EncoderBlock
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid

NONE = Dropout(0.0, None)


def test_encoder_ignores_what_is_masked():
    block = EncoderBlock(8, 2, 16)
    block.build()
    x = np.random.default_rng(0).normal(size=(1, 4, 8)).astype("float32")
    visible = np.array([[[True, True, True, False]]])
    changed = x.copy()
    changed[0, 3] += 5.0
    one = to_numpy(block(x, visible, dropout=NONE))
    two = to_numpy(block(changed, visible, dropout=NONE))
    np.testing.assert_allclose(one[0, :3], two[0, :3], rtol=1e-5)
    assert abs(one[0, 3] - two[0, 3]).max() > 0.1


def test_steps_with_cache_equal_the_whole_text():
    block = DecoderBlock(8, 2, 16)
    block.build()
    random = np.random.default_rng(0)
    x = random.normal(size=(6, 5, 8)).astype("float32")  # P=2, G=3, T=5
    source = random.normal(size=(2, 4, 8)).astype("float32")
    visible = np.ones((2, 1, 4), bool)
    kv = block.cross.keys_values(ops.convert_to_tensor(source))
    grid = Grid((6, 5))
    whole, weights = block(
        x.reshape(30, 8), kv, visible, causal_mask(5), grid=grid, dropout=NONE
    )
    whole = grid.spread(whole)
    assert tuple(weights.shape) == (2, 2, 15, 4)
    cache = DecoderCache(ops.zeros((6, 2, 5, 4)), ops.zeros((6, 2, 5, 4)))
    for time in range(5):
        now = ops.convert_to_tensor(x[:, time])
        out, cache = block.step(now, cache, time, kv, visible, Grid((2, 3)))
        np.testing.assert_allclose(
            to_numpy(out), to_numpy(whole)[:, time], rtol=1e-4, atol=1e-5
        )
