from __future__ import annotations

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.report.parts import Attention, Series, Table


def test_a_series_needs_one_y_per_x():
    with pytest.raises(ConfigError, match=r"Received: lengths \[2, 1\].*'loss'"):
        Series("loss", [1, 2], [1.0])


def test_a_band_has_two_ends():
    with pytest.raises(ConfigError, match="both low and high"):
        Series("loss", [1], [1.0], low=[0.5])


def test_a_row_has_one_cell_per_column():
    with pytest.raises(ConfigError, match="1 cells for 2 columns"):
        Table("scores", ["a", "b"], [[1]])


def test_weights_have_the_shape_of_the_tokens():
    with pytest.raises(ConfigError, match=r"\(1, 2\).*Received: \(2, 1\)"):
        Attention("map", ["a", "b"], ["c"], np.ones((2, 1)))


def test_shares_of_copying_are_one_per_word_piece():
    with pytest.raises(ConfigError, match="copy_share"):
        Attention("map", ["a"], ["c"], np.ones((1, 1)), [0.1, 0.2])
