from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from nutgraf.report.page import Detail, render
from nutgraf.report.parts import Curves, Mark, Report, Series, Table

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(HTMLParser):
    """Checks that elements close in order; keeps tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "srcset", "action", "data"):
                self.links.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def test_every_part_is_there(report):
    reader = read(render(report))
    for word in (
        *("title", "kind", "fact", "value", "note", "summary", "table", "column"),
        *("cell", "signature", "curves", "line", "reading", "document", "system"),
        *("text", "map", "key"),
    ):
        assert f"{word} <script>alert('x')</script> & \"q\" $a_1$" in reader.text, word
    assert "今天天气很好" in reader.text
    for section in ("scores", "curves", "examples", "attention", "settings"):
        assert section in reader.ids


def test_the_page_needs_nothing_else(report):
    page = render(report)
    reader = read(page)
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert all(link.startswith(("#", "data:")) for link in reader.links)


def test_no_script_gets_in(report):
    reader = read(render(report))
    assert reader.tags["script"] == 0
    assert reader.handlers == []


def test_ids_are_unique_and_links_meet_them(report):
    reader = read(render(report))
    assert max(Counter(reader.ids).values()) == 1
    wanted = {link[1:] for link in reader.links if link.startswith("#")}
    assert wanted <= set(reader.ids)


def test_pictures_are_well_formed(report):
    pictures = re.findall(r"<svg.*?</svg>", render(report), flags=re.DOTALL)
    assert len(pictures) == 2
    for picture in pictures:
        ElementTree.fromstring(picture)


def test_it_is_readable_on_phones_and_in_the_dark(report):
    page = render(report)
    assert '<meta name="viewport" content="width=device-width' in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert page.startswith("<!DOCTYPE html>\n<html lang=")


def test_empty_parts_are_left_out():
    nothing = Curves("blank", "y", [Series("a", [1], [math.nan])])
    report = Report("plain", curves=[nothing], tables=[Table("bare", ["a"], [])])
    reader = read(render(report))
    assert reader.ids == []
    assert reader.tags["h2"] == reader.tags["nav"] == reader.tags["svg"] == 0
    assert "blank" not in reader.text and "bare" not in reader.text


def test_a_mark_is_explained_below_the_picture():
    line = [Series("a", [1, 2000], [1.0, 2.0])]
    marked = Curves("t", "y", line, note="A note.", marks=[Mark(1500, "guard: <kl>")])
    text = read(render(Report("plain", curves=[marked]))).text
    assert "A note. Dotted: guard: <kl>, at 1,500." in text


def test_the_same_report_gives_the_same_page(report):
    assert render(report) == render(report)


def test_less_detail_is_smaller_and_says_so(report):
    less = render(report, Detail(curves=False, attention=False, notice="a <notice>"))
    reader = read(less)
    assert reader.tags["svg"] == 0
    assert "a <notice>" in reader.text
    assert "examples" in reader.ids


@pytest.mark.parametrize("module", ["nutgraf.report.write", "nutgraf.report.run"])
def test_no_framework_is_loaded(module):
    code = (
        f"import sys, {module}\n"
        "heavy = {'keras', 'tensorflow', 'torch', 'jax', 'matplotlib'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
