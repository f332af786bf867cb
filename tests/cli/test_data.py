from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from nutgraf.cli import data
from nutgraf.errors import ConfigError, DataError


class Lengths(NamedTuple):
    mean: float
    largest: int


@dataclass(frozen=True)
class Report:
    rows: int
    source_length: Lengths


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [
        {"body": f"Sentence [{number}] of this text. " * 40, "title": f"Title {number}"}
        for number in range(5)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_reports_become_lines():
    lines = list(data.lines_of(Report(3, Lengths(1 / 3, 7))))
    assert lines == [
        ("rows", "3"),
        ("source length mean", "0.3333"),
        ("source length largest", "7"),
    ]


def test_statistics_and_the_first_rows_are_shown(file, capsys):
    fields = ["--document_field", "body", "--summary_field", "title"]
    assert data.run([str(file), *fields, "--examples", "2"]) == 0
    text = capsys.readouterr().out
    assert "Sentence [0] of this text." in text
    assert "summary:  Title 1" in text
    assert "Title 2" not in text
    assert "…" in text


def test_a_row_without_the_field_is_named(file):
    with pytest.raises(DataError, match=r"rows\.jsonl"):
        data.run([str(file), "--summary_field", "headline"])


def test_the_file_is_needed():
    with pytest.raises(ConfigError, match="`file` is needed"):
        data.run([])
