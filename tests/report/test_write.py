from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nutgraf.report import write as module
from nutgraf.report.parts import Attention, Curves, Report, Sample, Series, Table
from nutgraf.report.write import LARGEST_BYTES, write_report

NOTICE = "To stay below 2 MB"


def test_the_file_is_written_and_its_path_returned(tmp_path, report):
    path = write_report(tmp_path / "deep" / "report.html", report)
    assert path == tmp_path / "deep" / "report.html"
    text = path.read_text(encoding="utf-8")
    assert NOTICE not in text
    assert path.stat().st_size < LARGEST_BYTES


def test_nothing_is_left_beside_it(tmp_path, report):
    write_report(tmp_path / "report.html", report)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, report, monkeypatch):
    path = write_report(tmp_path / "report.html", Report("old"))
    old = path.read_text()

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("nutgraf.files._sync", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write_report(path, report)
    assert path.read_text() == old


def test_many_lines_get_fewer_points(tmp_path, monkeypatch):
    limit = 110_000
    monkeypatch.setattr(module, "LARGEST_BYTES", limit)
    noise = np.random.default_rng(0).normal(size=500)
    lines = [Series(str(k), range(500), noise + k) for k in range(3)]
    report = Report("many", curves=[Curves(str(k), "y", lines) for k in range(6)])
    path = write_report(tmp_path / "report.html", report)
    text = path.read_text()
    assert path.stat().st_size <= limit
    assert "fewer points" in text
    assert text.count('class="plot"') == 6


def test_long_examples_are_cut_before_pictures_go(tmp_path, report):
    long = Sample("天气" * 30_000, {"a": "text"}, "reference")
    report = dataclasses.replace(report, samples=[long] * 50)
    path = write_report(tmp_path / "report.html", report)
    text = path.read_text()
    assert path.stat().st_size <= LARGEST_BYTES
    assert "at most 30 examples" in text
    assert text.count("<article") == 30
    assert text.count("<svg") == 2


def test_attention_goes_before_the_curves(tmp_path, report, monkeypatch):
    noise = np.random.default_rng(0).random((30, 40))
    many = [Attention("m", ["s"] * 40, ["t"] * 30, noise)] * 3
    report = dataclasses.replace(report, attention=many)
    monkeypatch.setattr(module, "LARGEST_BYTES", 60_000)
    text = write_report(tmp_path / "report.html", report).read_text()
    assert "shows no attention" in text
    assert text.count("<svg") == 1


def test_what_is_far_too_large_still_becomes_a_report(tmp_path, report):
    huge = Table("rows", ["a"], [["x" * 1000]] * 5000)
    report = dataclasses.replace(report, tables=[huge], settings={"a": "y" * 3_000_000})
    path = write_report(tmp_path / "report.html", report)
    assert path.stat().st_size <= LARGEST_BYTES
    assert "long texts and lists are cut" in path.read_text()
