import numpy as np
import pytest

from nutgraf.layers.positions import sinusoidal_positions


def test_halves_layout_by_hand():
    table = sinusoidal_positions(3, 4)
    # position 2, width 4: sin(2), sin(0.02), cos(2), cos(0.02)
    np.testing.assert_allclose(
        table[2], [0.909297, 0.019999, -0.416147, 0.9998], rtol=1e-4
    )


def test_odd_width_is_refused():
    with pytest.raises(ValueError, match="even.*width=5"):
        sinusoidal_positions(3, 5)
