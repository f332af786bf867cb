from __future__ import annotations

import json
from typing import get_args, get_type_hints

import pytest

from nutgraf.cli import compare
from nutgraf.cli.main import main
from nutgraf.errors import ConfigError
from nutgraf.metrics.names import METRICS

ROWS = [(f"{n}", f"The word{n} is here.", f"word{n} here") for n in range(9)]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Evaluations `a` and `b`; the texts of `b` are the references."""
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("a", "b"):
        lines = [
            {
                "id": row,
                "document": document,
                "text": summary if name == "b" else "word0",
                "references": [summary],
            }
            for row, document, summary in ROWS
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / name).mkdir()
        (tmp_path / name / "texts.jsonl").write_text(text)
    return tmp_path


def test_every_metric_can_be_chosen():
    kinds = get_type_hints(compare.CompareSettings)
    names, nothing = get_args(kinds["metric"])
    assert set(get_args(names)) == set(METRICS) and nothing is type(None)


def test_both_are_shown_with_their_difference(folders, capsys, monkeypatch):
    monkeypatch.chdir(folders)
    assert compare.run(["a", "b/texts.jsonl"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == "metric a b/texts.jsonl second - first p".split()
    assert lines[1].split()[:2] == ["mean", "1/2/L"]
    assert lines[2].split()[:2] == ["ROUGE-1", "7.4"]  # 2/3 in one of nine rows
    assert "100.0 [100.0, 100.0]" in lines[2] and " +92.6 [+" in lines[2]
    assert lines[6].split()[:5] == ["length", "ratio", "0.50", "[0.50,", "0.50]"]
    assert lines[8].startswith("n = 9,")
    assert lines[10].startswith("b/texts.jsonl is higher in mean 1/2/L, p = 0.0")


def test_another_metric_decides(folders, capsys):
    argv = [str(folders / "a"), str(folders / "a"), "--metric", "copied_share"]
    assert compare.run(argv) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[1].startswith("copied ")
    assert "No sure difference in copied, p = 1.0000" in text


def test_other_rows_are_refused(folders, capsys):
    path = folders / "c.jsonl"
    lines = (folders / "a" / "texts.jsonl").read_text().splitlines()
    path.write_text("\n".join(lines[:4]))
    assert main(["compare", str(folders / "a"), str(path)]) == 2
    error = capsys.readouterr().err
    assert "Two evaluations must hold texts for the same rows. Received: " in error
    assert "5 rows are in one of them only" in error


@pytest.mark.parametrize("name", ["nowhere", "rows.jsonl", "empty"])
def test_what_is_no_evaluation_is_told_where_one_comes_from(name, folders, capsys):
    (folders / "rows.jsonl").write_text('{"document": "a", "summary": "b"}\n')
    (folders / "empty").mkdir()
    assert main(["compare", str(folders / "a"), str(folders / name)]) == 2
    error = capsys.readouterr().err
    assert f"Received: {folders / name}" in error
    assert "Give the folder that `nutgraf evaluate --out` wrote, or its" in error


def test_two_are_needed_and_a_known_metric():
    with pytest.raises(ConfigError, match="`b` is needed"):
        compare.run(["a"])
    with pytest.raises(ConfigError, match="--metric must be one of"):
        compare.run(["a", "b", "--metric", "rouge7"])


def test_a_metric_of_another_task_is_refused(folders, capsys):
    argv = ["compare", str(folders / "a"), str(folders / "b"), "--metric", "bleu"]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert "metric must be among rouge1, " in error and "Received: 'bleu'" in error
