import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.rotary import rotate, rotation


def test_pairs_of_the_two_halves_are_turned_by_hand():
    # size 4: pair 0 = (x0, x2) turns by 1 per position, pair 1 = (x1, x3) by 0.01
    x = np.array([[1.0, 1.0, 0.0, 0.0]], "float32")
    found = to_numpy(rotate(ops.convert_to_tensor(x), rotation(np.array([2]), 4)))
    # cos(2), cos(0.02), sin(2), sin(0.02)
    expected = [[-0.416147, 0.9998, 0.909297, 0.019999]]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_products_depend_on_the_distance_alone():
    random = np.random.default_rng(0)
    query, key = random.normal(size=(2, 1, 8)).astype("float32")

    def product(first, second):
        turned = [
            to_numpy(rotate(ops.convert_to_tensor(x), rotation(np.array([at]), 8)))
            for x, at in ((query, first), (key, second))
        ]
        return (turned[0] * turned[1]).sum()

    assert product(9, 4) == pytest.approx(product(105, 100), abs=1e-4)
    assert abs(product(9, 4) - product(9, 5)) > 0.01


def test_half_precision_is_turned_in_float32_and_stays_half():
    x = ops.cast(np.random.default_rng(0).normal(size=(3, 8)), "bfloat16")
    at = rotation(np.arange(3) + 1000, 8)
    found = rotate(x, at)
    assert "bfloat16" in str(found.dtype)
    wide = to_numpy(rotate(ops.cast(x, "float32"), at))
    np.testing.assert_allclose(to_numpy(found), wide, rtol=2**-8)  # bfloat16 rounds


def test_odd_size_is_refused():
    with pytest.raises(ValueError, match="even.*size=5"):
        rotation(np.arange(3), 5)
