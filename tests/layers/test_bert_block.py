import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.layers.bert_block import BertBlock
from nutgraf.layers.dropout import Dropout

pytestmark = pytest.mark.backend


def states(seed=0):
    return np.random.default_rng(seed).normal(size=(2, 5, 8)).astype("float32")


def test_each_state_comes_out_of_a_norm():
    block = BertBlock(8, 2, 16, 1e-12)
    block.build()
    found = to_numpy(
        block(states(), np.ones((2, 1, 5), bool), dropout=Dropout(0.0, None))
    )
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(-1), 1, rtol=1e-4)
    assert block.get_config()["epsilon"] == 1e-12


def test_what_is_not_visible_changes_nothing():
    block = BertBlock(8, 2, 16, 1e-12)
    block.build()
    visible = np.ones((2, 1, 5), bool)
    visible[:, :, 3:] = False
    one, two = states(), states()
    two[:, 3:] += 7
    drop = Dropout(0.0, None)
    found = [to_numpy(block(x, visible, dropout=drop))[:, :3] for x in (one, two)]
    np.testing.assert_array_equal(*found)
    assert (
        abs(found[0] - to_numpy(block(two, ~visible | True, dropout=drop))[:, :3]).max()
        > 0.1
    )
