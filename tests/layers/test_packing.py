import numpy as np
import pytest
from keras import ops

from nutgraf.backend import jit, to_numpy, value_and_grad
from nutgraf.layers.packing import Grid, packed_size, packing_of

MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
STATES = np.random.default_rng(0).normal(size=(4, 4, 3)).astype("float32")


def test_the_list_holds_the_tokens_that_count():
    packing = packing_of(MASK, 8)
    listed = to_numpy(Grid(MASK.shape, packing).collect(STATES))
    np.testing.assert_array_equal(listed[:6], STATES[MASK])
    np.testing.assert_array_equal(listed[6:], 0.0)  # fillers


def test_spreading_undoes_collecting():
    grid = Grid(MASK.shape, packing_of(MASK, 8))
    back = to_numpy(grid.spread(grid.collect(STATES)))
    np.testing.assert_array_equal(back, np.where(MASK[..., None], STATES, 0.0))


def test_without_a_packing_all_tokens_are_listed():
    grid = Grid((2, 2, 4))
    states = STATES.reshape(2, 2, 4, 3)
    listed = grid.collect(states)
    assert tuple(listed.shape) == (16, 3)
    np.testing.assert_array_equal(to_numpy(grid.spread(listed)), states)


def test_integers_are_listed_too():
    numbers = np.arange(16, dtype="int32").reshape(4, 4)
    listed = to_numpy(Grid(MASK.shape, packing_of(MASK, 8)).collect(numbers))
    assert listed.tolist() == [0, 1, 4, 5, 6, 12, 0, 0]


@pytest.mark.parametrize("way", ["collect", "spread"])
def test_gradients_are_those_of_a_plain_selection(way):
    weight = np.random.default_rng(1).normal(size=(4, 4, 3)).astype("float32")

    def through_list(values, packing, weight):
        grid = Grid(MASK.shape, packing)
        if way == "collect":
            return ops.sum(grid.collect(values[0] * weight) ** 2), ()
        return ops.sum(weight * grid.spread(values[0]) ** 2), ()

    packing = packing_of(MASK, 8)
    start = STATES if way == "collect" else STATES[MASK]
    if way == "spread":
        start = np.concatenate([start, np.ones((2, 3), "float32")])
    found = jit(lambda *a: value_and_grad(through_list)(*a))([start], packing, weight)
    gradient = to_numpy(found[1][0])
    if way == "collect":
        expected = np.where(MASK[..., None], 2 * STATES * weight**2, 0.0)
    else:
        rest = np.zeros((2, 3))  # fillers change nothing
        expected = np.concatenate([2 * STATES[MASK] * weight[MASK], rest])
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_sizes_are_a_fixed_few():
    full = np.ones((8, 16), bool)
    some = [np.arange(128).reshape(8, 16) < count for count in range(1, 129)]
    sizes = {packed_size([mask]) for mask in some}
    assert sizes == {16, 24, 32, 48, 64, 80, 96, 128}
    assert packed_size([some[0], some[40]]) == 48
    assert packing_of(full, packed_size([full])) is None
