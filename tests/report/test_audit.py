"""The page of an audit: whole, escaped, without NaN; the numbers beside it."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nutgraf.evaluation.audit import Agreement, Audit, Question
from nutgraf.report.audit import audit_numbers, audit_page, draw_audit, write_audit

EVIL = "<script>alert('x')</script> & \"q\" $a_1$"
VALUES = {
    "rouge1": Agreement(0.25, 0.1, 0.3, 8),
    "length": Agreement(-0.5, -0.7, -0.2, 8),
    f"my/{EVIL}.py:{'f' * 30}": Agreement(0.05, -0.1, 0.2, 3),
    "flat": Agreement(None, None, None, 0),
}


@pytest.fixture
def audit():
    agreement = {
        Question(level, coefficient, reward, human): value
        for level in ("summary", "system")
        for coefficient in ("kendall", "spearman")
        for reward, value in VALUES.items()
        for human in ("fluency", EVIL)
    }
    names = tuple(VALUES), ("fluency", EVIL), ("A", "B")
    judged = dict.fromkeys(VALUES, 16)
    rewards = {reward: [0.25, 0.125] for reward in VALUES} | {"flat": [None, 1.0]}
    human = {"fluency": [1.5, 4.0], EVIL: [2.0, 2.5]}
    return Audit(*names, 8, 16, judged, rewards, human, agreement, 1000, 0)


def test_the_picture_has_a_number_per_cell_and_both_colours(audit):
    svg = draw_audit(audit)
    root = ElementTree.fromstring(svg)
    texts = ["".join(element.itertext()) for element in root.iter("text")]
    for number in ("0.25", "-0.50", "0.05", "–"):
        assert texts.count(number) == 4  # two levels, two dimensions
    assert {"rouge1", "length", "flat", "fluency"} <= set(texts)
    assert any(text.startswith("…") and text.endswith("fff") for text in texts)
    filled = re.findall(r"fill: var\(--(series-\d)\); opacity: ([\d.]+)", svg)
    assert sorted(set(filled)) == [
        ("series-1", "0.03"),
        ("series-1", "0.15"),
        ("series-2", "0.3"),
    ]


def test_unsure_numbers_are_muted(audit):
    svg = draw_audit(audit)
    colors = {
        text: re.search(r"fill: var\(--(\w+)\)[^<]*>" + re.escape(text) + "<", svg)[1]
        for text in ("0.25", "-0.50", "0.05", "–")
    }
    assert colors == {"0.25": "ink", "-0.50": "ink", "0.05": "muted", "–": "muted"}


def test_the_page_is_whole_and_escaped(audit):
    page = audit_page(audit, {"file": "data/summeval.jsonl", "limit": 0})
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    assert "What rewards buy: summeval.jsonl" in page
    assert (
        page.index("<main>") < page.index('id="agreement"') < page.index('id="scores"')
    )
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "nan" not in page.lower().replace("&#x27;", "")
    for title in ("Texts for one article: tau-b", "Systems by their means: rho"):
        assert title in page
    assert "0.25<small>0.10 to 0.30</small>" in page
    systems = page[page.index("<h3>Systems</h3>") :]
    assert systems.index('dir="auto">B</th>') < systems.index('dir="auto">A</th>')
    assert not re.search(r"(href|src)=\"(?!#|data:)", page)


def test_files_are_written_and_the_numbers_are_plain_json(audit, tmp_path):
    settings = {"file": Path("summeval.jsonl"), "human": ("fluency",)}
    page, numbers = write_audit(tmp_path / "new", audit, settings)
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
    read = json.loads(numbers.read_text(encoding="utf-8"))
    found = audit_numbers(audit)
    assert read["rewards"] == found["rewards"]
    assert read["settings"] == {"file": "summeval.jsonl", "human": ["fluency"]}
    assert set(read["versions"]) == {"nutgraf"}
    assert read["systems"]["B"]["human"] == {"fluency": 4.0, EVIL: 2.5}
    assert read["systems"]["A"]["rewards"]["flat"] is None
    rouge, flat = read["rewards"]["rouge1"], read["rewards"]["flat"]
    assert rouge["texts"] == 16
    assert rouge["summary"]["kendall"]["fluency"] == {
        "value": 0.25,
        "low": 0.1,
        "high": 0.3,
        "articles": 8,
    }
    nothing = {"value": None, "low": None, "high": None, "articles": 0}
    assert flat["system"]["spearman"] == {"fluency": nothing, EVIL: nothing}
