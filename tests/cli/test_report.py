from __future__ import annotations

import json

import pytest

from nutgraf.cli import report
from nutgraf.cli.main import main
from nutgraf.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    records = [{"step": step, "train/loss": 1.0 / step} for step in (1, 2, 3)]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "metrics.jsonl").write_text(text)
    return tmp_path


def test_the_report_goes_into_the_run_folder(folder, capsys):
    assert report.run([str(folder)]) == 0
    path = folder / "report.html"
    assert capsys.readouterr().out == f"{path}\n"
    assert "Loss" in path.read_text()


def test_another_file_can_be_named(folder, capsys):
    out = folder / "pages" / "one.html"
    assert report.run([str(folder), "--out", str(out)]) == 0
    assert out.is_file()
    assert not (folder / "report.html").exists()
    assert str(out) in capsys.readouterr().out


def test_a_wrong_folder_is_told(tmp_path, capsys):
    assert main(["report", str(tmp_path / "absent")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: A run folder must hold")
    assert "Traceback" not in error


def test_the_folder_is_needed():
    with pytest.raises(ConfigError, match="`run` is needed"):
        report.run([])
