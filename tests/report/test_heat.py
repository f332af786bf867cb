from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from nutgraf.report.heat import (
    HUE,
    MOST_COLUMNS,
    MOST_ROWS,
    draw_attention,
    token_label,
)
from nutgraf.report.parts import Attention


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter("text")]


def pixels(svg: str) -> np.ndarray:
    from matplotlib.image import imread

    data = re.search(r"base64,([^\"]+)", svg)[1]
    return imread(io.BytesIO(base64.b64decode(data)), format="png")


def test_tokens_stand_beside_their_rows_and_columns():
    attention = Attention("m", ["天气", "b<"], ["x", "y"], np.eye(2), [0.2, 0.9])
    assert {"天气", "b<", "x", "y", "copied"} <= set(
        texts(draw_attention(attention, "a"))
    )


def test_without_copy_head_there_is_no_bar():
    attention = Attention("m", ["a"], ["x"], np.ones((1, 1)))
    assert "copied" not in texts(draw_attention(attention, "a"))


def test_opacity_is_the_root_of_the_weight():
    weights = np.array([[0.0, 0.25], [1.0, np.nan], [2.0, -1.0]])
    attention = Attention("m", ["a", "b"], ["x", "y", "z"], weights)
    image = pixels(draw_attention(attention, "a"))
    wanted = [[0.0, 0.5], [1.0, 0.0], [1.0, 0.0]]
    # one of 255 steps
    np.testing.assert_allclose(image[..., 3], wanted, atol=0.5 / 255)  # rounding
    np.testing.assert_allclose(image[1, 0, :3] * 255, HUE, rtol=1e-5)


def test_long_texts_are_cut():
    weights = np.zeros((MOST_ROWS + 9, MOST_COLUMNS + 9))
    rows, columns = (["t"] * size for size in weights.shape)
    found = texts(draw_attention(Attention("m", columns, rows, weights), "a"))
    assert found.count("t") == MOST_ROWS + MOST_COLUMNS


@pytest.mark.parametrize(
    ("token", "label"),
    [
        (" a", "a"),
        ("", "␣"),
        ("\n", "⏎"),
        ("\x00", "\ufffd"),
        ("x" * 20, "x" * 13 + "…"),
    ],
)
def test_labels_are_short_and_visible(token, label):
    assert token_label(token) == label
