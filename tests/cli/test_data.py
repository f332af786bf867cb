from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from nutgraf.cli import data
from nutgraf.errors import ConfigError, DataError
from nutgraf.models.checkpoint import starter_folder
from nutgraf.tasks.names import TASKS


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
        wrong = ["--max_source", "-1", "--max_target", "-1", "--examples", "-1"]
        data.run(["/nowhere.jsonl", *wrong])
    assert "examples must be an integer >= 0. Received: examples=-1" in str(error.value)


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """Run the command; return the limits that count, and how many sources are cut."""
    seen = []
    monkeypatch.setattr(data, "_show", lambda settings, *rest: seen.append(rest[:2]))
    path = tmp_path / "rows.jsonl"
    row = {"document": "a " * 200, "source": "a " * 200, "context": "a " * 200}
    rest = {"summary": "a", "target": "a", "answers": ["a"], "question": "Who?"}
    path.write_text(json.dumps(row | rest))

    def run(*argv):
        assert data.run([str(path), *argv]) == 0
        report, counted = seen.pop()
        return counted, report.sources.share_cut

    return run


@pytest.mark.parametrize("task", TASKS)
def test_limits_are_those_of_the_task(task, limits):
    wanted = TASKS[task].max_source, TASKS[task].max_target
    if task == "extract":  # whose actions are places, the longest answer has 30 pieces
        wanted = wanted[0], 30
    assert limits("--task", task) == (wanted, float(wanted[0] < 200))
    assert limits("--task", task, "--max_source", "9") == ((9, wanted[1]), 1.0)
    assert limits("--task", task, "--max_target", "9")[0] == (wanted[0], 9)


def test_limits_are_those_of_the_model(limits):
    model = ["--model", str(starter_folder())]
    assert limits(*model) == ((128, 40), 1.0)
    assert limits(*model, "--task", "translate")[0] == (128, 40)
    assert limits(*model, "--max_source", "500") == ((500, 40), 0.0)


def test_limits_are_shown(file, capsys):
    fields = ["--source_field", "body", "--target_field", "title"]
    data.run([str(file), *fields, "--task", "translate", "--max_source", "1200"])
    text = capsys.readouterr().out
    assert re.search(r"^ *limits +source 1,200, target 96 *$", text, re.MULTILINE)


@pytest.mark.parametrize("model", [[], ["--model", str(starter_folder())]])
def test_no_framework_is_loaded(model, file):
    argv = ["data", str(file), "--source_field", "body", "--target_field", "title"]
    argv += model
    code = (
        f"import sys; from nutgraf.cli.main import main; assert not main({argv!r});"
        "sys.exit(bool({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_file_is_needed():
    with pytest.raises(ConfigError, match="`file` is needed"):
        data.run([])
