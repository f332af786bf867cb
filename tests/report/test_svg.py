from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from nutgraf.report.svg import COLORS, clean, inline_svg, style


def drawn(prefix: str = "p-") -> str:
    with style():
        figure = Figure(figsize=(2, 1))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], "o-", color=COLORS["series-1"])
        axes.set_title('天气 </svg><script> $a_1$ id="x"', color=COLORS["ink"])
        return inline_svg(figure, prefix, 'a "label" <b>')


def ids(svg: str) -> set[str]:
    return {
        e.attrib["id"] for e in ElementTree.fromstring(svg).iter() if "id" in e.attrib
    }


def test_it_is_well_formed_and_holds_its_text():
    root = ElementTree.fromstring(drawn())
    texts = ["".join(element.itertext()) for element in root.iter("text")]
    assert '天气 </svg><script> $a_1$ id="x"' in texts
    assert root.attrib["aria-label"] == 'a "label" <b>'


def test_nothing_outside_is_named():
    svg = drawn()
    assert "http" not in svg
    assert "<metadata" not in svg
    assert "<style" not in svg


def test_colours_follow_the_page():
    svg = drawn()
    assert "var(--series-1)" in svg
    assert "var(--ink)" in svg
    assert not any(color in svg for color in COLORS.values())


def test_two_pictures_share_no_id():
    first, second = (ids(drawn(prefix)) for prefix in ("a-", "b-"))
    assert first and second and not first & second


@pytest.mark.parametrize("pattern", [r'href="#([^"]+)"', r"url\(#([^)]+)\)"])
def test_references_meet_their_ids(pattern):
    svg = drawn()
    wanted = set(re.findall(pattern, svg))
    assert wanted <= ids(svg)
    assert wanted


def test_the_same_figure_gives_the_same_text():
    assert drawn() == drawn()


def test_what_html_cannot_hold_is_replaced():
    assert clean("a\x00b\x1b\ud800\n天") == "a\ufffdb\ufffd\ufffd\n天"


def test_the_style_is_taken_back():
    import matplotlib

    before = dict(matplotlib.rcParams)
    drawn()
    assert dict(matplotlib.rcParams) == before
