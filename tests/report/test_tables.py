from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from nutgraf.report.parts import Estimate, Table
from nutgraf.report.tables import escape, number, settings_html, table_html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1234567, "-1,234,567"),
        (0.00012345, "0.0001234"),
        (99999.5, "100,000"),
        (math.inf, "–"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_escaping_holds_in_content_and_attributes():
    assert escape("<a href='x'>&\"\x07") == (
        "&lt;a href=&#x27;x&#x27;&gt;&amp;&quot;\ufffd"
    )


def test_intervals_of_a_column_share_one_scale():
    rows = [["a", Estimate(10, 0, 20)], ["b", Estimate(90, 80, 100)]]
    html = table_html(Table("t", ["system", "score"], rows))
    ElementTree.fromstring(html)
    shares = [float(found) for found in re.findall(r"--mean:([\d.]+)%", html)]
    # room of 8 % at both ends: (10 + 8) / 116 and (90 + 8) / 116
    assert shares == pytest.approx([15.5, 84.5])
    assert "10.00" in html and "0.00 to 20.00" in html


def test_odd_estimates_are_written():
    nan = math.nan
    rows = [[Estimate(nan, nan, nan)], [Estimate(1, 1, 1)], [Estimate(2, nan, nan)]]
    html = table_html(Table("t", ["score"], rows))
    ElementTree.fromstring(html)
    assert "nan" not in html


def test_columns_of_numbers_stand_right():
    html = table_html(Table("t", ["a", "b"], [[1, "x"], [None, 2]]))
    assert html.count('class="number"') == 2  # the head and the cell of column a


def test_settings_are_shown_by_section():
    html = settings_html(
        {"seed": 1, "rl": {"top_p": 1.0, "bounds": [96, 128]}, "x": ""}
    )
    root = ElementTree.fromstring(html)
    assert [h.text for h in root.iter("h3")] == ["general", "rl"]
    assert [d.text for d in root.iter("td")] == ["1", '""', "1", "96, 128"]
