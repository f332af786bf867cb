from __future__ import annotations

import json
import re
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
    fields = ["--source_field", "body", "--target_field", "title"]
    assert data.run([str(file), *fields, "--examples", "2"]) == 0
    text = capsys.readouterr().out
    assert "Sentence [0] of this text." in text
    assert "target: Title 1" in text
    assert "Title 2" not in text
    assert "…" in text


def test_a_row_without_the_field_is_named(file):
    with pytest.raises(DataError, match=r"rows\.jsonl"):
        data.run([str(file), "--target_field", "headline"])


def test_bad_rows_are_counted_and_the_first_ten_shown(file, capsys, recwarn):
    with file.open("a") as opened:
        opened.writelines('{"body": "Text."}\n' for _ in range(12))
    argv = [str(file), "--source_field", "body", "--target_field", "title"]
    assert data.run(argv) == 0
    text = capsys.readouterr().out
    assert re.search(r"^ *bad rows +12 *$", text, re.MULTILINE)
    assert re.search(r"^ *rows +5 *$", text, re.MULTILINE)
    assert "left out 12 bad rows among the first 17 rows:" in text
    assert text.count("the field `title` is missing") == 10
    assert f"{file}:15: " in text and f"{file}:16: " not in text
    assert not recwarn
    with pytest.raises(DataError, match='or set bad_rows to "skip"'):
        data.run([*argv, "--bad_rows", "fail"])


def test_a_file_without_bad_rows_says_so(file, capsys):
    data.run([str(file), "--source_field", "body", "--target_field", "title"])
    text = capsys.readouterr().out
    assert re.search(r"^ *bad rows +0 *$", text, re.MULTILINE)
    assert "left out" not in text


def test_limits_are_checked_before_the_file_is_read():
    with pytest.raises(ConfigError, match="3 problems") as error:
        wrong = ["--max_source", "0", "--max_target", "-1", "--examples", "-1"]
        data.run(["/nowhere.jsonl", *wrong])
    assert "examples must be an integer >= 0. Received: examples=-1" in str(error.value)


def test_the_file_is_needed():
    with pytest.raises(ConfigError, match="`file` is needed"):
        data.run([])
