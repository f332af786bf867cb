import keras
import numpy as np
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.dropout import Dropout, training_dropout


def test_same_seed_same_pattern_and_each_place_its_own():
    x = ops.ones((50, 40))
    first, again = Dropout(0.5, 3), Dropout(0.5, 3)
    one, two = to_numpy(first(x)), to_numpy(first(x))
    np.testing.assert_array_equal(one, to_numpy(again(x)))
    assert (one != two).mean() > 0.3
    assert set(np.unique(one)) == {0.0, 2.0}


def test_the_mean_is_kept():
    found = to_numpy(Dropout(0.2, 9)(ops.ones((300, 300))))
    assert abs(found.mean() - 1.0) < 0.01


def test_without_seed_nothing_is_dropped():
    x = ops.ones((3, 3))
    assert Dropout(0.5, None)(x) is x


def test_training_drops_anew_each_time_and_nothing_at_rate_0():
    seeds = keras.random.SeedGenerator(4)
    one, two = (training_dropout(0.5, seeds) for _ in range(2))
    x = ops.ones((50, 40))
    assert one.rate == 0.5
    assert (to_numpy(one(x)) != to_numpy(two(x))).mean() > 0.3
    assert training_dropout(0.0, seeds) is None
