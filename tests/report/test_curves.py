from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from nutgraf.report import curves as module
from nutgraf.report.curves import (
    PALETTE,
    draw_curves,
    finite_series,
    smoothed,
    thinned,
)
from nutgraf.report.parts import Curves, Mark, Series
from nutgraf.report.svg import COLORS


def picture(x, y, **band) -> Curves:
    return Curves("title", "nats per token", [Series("line", x, y, **band)])


def test_long_lines_become_means_of_neighbours():
    assert thinned(np.arange(5.0), 3).tolist() == [0.5, 2.5, 4.0]
    assert thinned(np.full(4, np.nan), 2).tolist() == pytest.approx(
        [math.nan, math.nan], nan_ok=True
    )


def test_smoothing_keeps_a_level_and_fills_small_gaps():
    values = np.full(200, 3.0)
    values[50] = np.nan
    np.testing.assert_allclose(smoothed(values), 3.0, rtol=1e-6)


def test_smoothing_lowers_the_noise():
    noise = np.random.default_rng(0).normal(size=400)
    assert smoothed(noise).std() < 0.5 * noise.std()


@pytest.mark.parametrize("size", [1, 2, 3, 31, 1000])
def test_smoothing_keeps_the_length(size):
    assert smoothed(np.arange(float(size))).shape == (size,)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1], [0.5]),
        ([1, 2], [0.5, 0.5]),
        ([1, 2, 3], [math.nan, 2.0, math.inf]),
        (range(100), [math.nan] * 99 + [1.0]),
        (range(100), [0.0] * 100),
        (range(100), [(-1) ** k * 1e99 for k in range(100)]),
        ([1, math.nan], [1.0, 2.0]),
    ],
)
def test_odd_numbers_are_drawn(x, y):
    root = ElementTree.fromstring(draw_curves(picture(x, y), "c-"))
    assert root.tag == "svg"


def test_a_series_without_a_number_is_left_out():
    lines = [Series("a", [1, 2], [math.nan, math.inf]), Series("b", [1], [1.0])]
    assert [s.name for s in finite_series(Curves("t", "y", lines))] == ["b"]
    assert finite_series(Curves("t", "y", [Series("a", [], [])])) == []


def test_axes_are_named():
    svg = draw_curves(picture([1, 2], [1.0, 2.0]), "c-")
    assert "nats per token" in svg
    assert "updates" in svg


def test_raw_and_smoothed_line_and_band_are_there():
    x = np.arange(100.0)
    noise = np.random.default_rng(0).normal(size=100)
    plain = draw_curves(picture(x, noise), "c-")
    assert plain.count("var(--series-1)") == 2
    band = draw_curves(picture(x, noise, low=noise - 1, high=noise + 1), "c-")
    assert band.count("var(--series-1)") > 2
    # what is smooth by itself is drawn once
    assert draw_curves(picture(x, x), "c-").count("var(--series-1)") == 1


@pytest.mark.parametrize(("at", "side"), [(20, "start"), (80, "end")])
def test_a_mark_is_a_line_with_its_label_where_there_is_room(at, side):
    x = np.arange(100.0)
    marked = Curves("t", "y", [Series("a", x, x)], marks=[Mark(at, "guard: <length>")])
    root = ElementTree.fromstring(draw_curves(marked, "c-"))
    (label,) = [e for e in root.iter("text") if e.text == "guard: <length>"]
    assert f"text-anchor: {side}" in label.attrib["style"]
    plain = draw_curves(picture(x, x), "c-")
    assert (
        draw_curves(marked, "c-").count("var(--ink)") == plain.count("var(--ink)") + 2
    )


def test_a_mark_outside_of_the_lines_is_not_drawn():
    far = Curves("t", "y", [Series("a", [1, 2], [1.0, 2.0])], marks=[Mark(50, "far")])
    assert "far" not in draw_curves(far, "c-")


def test_outliers_do_not_flatten_a_long_line():
    y = np.random.default_rng(0).normal(size=300)
    calm = draw_curves(picture(range(300), y), "c-")
    y[150] = 1e6
    assert "1,000,000" not in draw_curves(picture(range(300), y), "c-")
    assert ">0<" in calm


def test_a_large_svg_becomes_a_png_when_that_is_smaller(monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_SVG", 0)
    y = np.random.default_rng(0).normal(size=9000)
    lines = [Series(str(k), range(9000), y + k) for k in range(6)]
    html = draw_curves(Curves("t", "y", lines), "c-", points=3000)
    assert html.startswith('<img class="plot" alt="t: y" src="data:image/png;base64,')


def test_each_marker_colour_has_its_colour_on_paper():
    assert PALETTE.keys() == COLORS.keys()
