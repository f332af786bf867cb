import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.layers.positions import Positions, sinusoidal_positions


def test_halves_layout_by_hand():
    table = sinusoidal_positions(3, 4)
    # position 2, width 4: sin(2), sin(0.02), cos(2), cos(0.02)
    np.testing.assert_allclose(
        table[2], [0.909297, 0.019999, -0.416147, 0.9998], rtol=1e-4
    )


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="even.*width=5"):
        sinusoidal_positions(3, 5)


def made(kind):
    layer = Positions(kind, 6, 8, 2, name="source_positions")
    layer.build()
    return layer


def test_each_kind_adds_vectors_or_turns():
    for kind, weights in (("sinusoidal", 0), ("learned", 1), ("rotary", 0)):
        layer = made(kind)
        assert len(layer.trainable_variables) == weights
        turns = kind == "rotary"
        assert (layer.table(4) is None) is turns
        assert (layer.rotation(np.arange(4)) is None) is not turns
        again = Positions.from_config(layer.get_config())
        assert (again.kind, again.longest) == (kind, 6)


def test_a_trained_table_is_read_from_its_beginning_and_no_further():
    layer = made("learned")
    table = np.arange(48, dtype="float32").reshape(6, 8)
    layer.embeddings.assign(table)
    np.testing.assert_array_equal(to_numpy(layer.table(4)), table[:4])
    with pytest.raises(ConfigError, match=r"at most 6 .*source_pos.* Received: 7 tok"):
        layer.table(7)
    assert made("sinusoidal").table(7).shape == (7, 8)


def test_the_rotation_of_a_head_is_that_of_its_positions():
    turned = made("rotary").rotation(ops.convert_to_tensor(np.int32(3)))
    angles = 3.0 * 10_000.0 ** (-np.arange(2) / 2)
    np.testing.assert_allclose(to_numpy(turned.cos), np.cos(angles), rtol=1e-5)
    np.testing.assert_allclose(to_numpy(turned.sin), np.sin(angles), rtol=1e-5)


def test_rotary_positions_stay_float64():
    """But for JAX, where Keras keeps 64 bits only when JAX is told to."""
    layer = Positions("rotary", 8, 8, 2, dtype="float64")
    turned = layer.rotation(ops.convert_to_tensor(np.arange(3, dtype="int32")))
    kept = "float32" if backend.name == "jax" else "float64"
    assert kept in str(turned.cos.dtype)
