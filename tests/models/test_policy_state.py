import numpy as np
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.packing import packing_of
from nutgraf.models.policy_state import (
    PolicyState,
    reorder_rows,
    select_rows,
    texts_grid,
)

STATE = PolicyState(
    [ops.convert_to_tensor(np.arange(6.0) * 10)], ops.convert_to_tensor(np.int32(2))
)


def kept(*texts):
    packing = packing_of(np.isin(np.arange(6), texts), len(texts))
    return type(packing)(*map(ops.convert_to_tensor, packing))


def test_texts_are_selected_from_those_selected_before():
    some = select_rows(STATE, kept(1, 2, 4, 5))
    assert to_numpy(some.caches[0]).tolist() == [10, 20, 40, 50]
    fewer = select_rows(some, kept(2, 5))
    assert to_numpy(fewer.caches[0]).tolist() == [20, 50]
    assert int(to_numpy(fewer.time)) == 2


def test_texts_know_their_prompts():
    assert texts_grid(2, STATE, np.zeros((2, 3))).rows.tolist() == [0, 0, 0, 1, 1, 1]
    some = select_rows(STATE, kept(1, 2, 5))
    grid = texts_grid(2, some, np.zeros(3))
    assert grid.shape == (2, 3)
    assert to_numpy(grid.rows).tolist() == [0, 0, 1]


def test_samples_go_on_from_others_of_their_prompt():
    parents = np.array([[2, 0, 0], [1, 1, 2]], "int32")
    moved = reorder_rows(STATE, parents)
    assert to_numpy(moved.caches[0]).tolist() == [20, 0, 0, 40, 40, 50]
