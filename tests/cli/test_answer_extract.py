"""Spans as typed: train, rl, evaluate, answer, in Chinese."""

import json

import numpy as np
import pytest

from nutgraf.cli.main import main

THINGS = "狗猫房河日雨书树"
COLOURS = "红蓝绿黑"
SMALL = """--model.architecture bert --model.size tiny --model.vocabulary_size 100
--model.width 16 --model.heads 2 --model.feed_forward 32 --model.encoder_layers 1
--windows.length 24 --windows.overlap 6 --windows.answer 3 --training.epochs 1
--training.warmup 2 --tokens_per_batch 512 --num_shapes 1 --sample_rows 4""".split()
UPDATES = """--rl.updates 2 --rl.prompts 2 --rl.samples 2 --rl.source_bounds 24
--guard.every 2 --guard.rows 2 --algorithm self-critical
--rl.supervised_weight 1""".split()


def record(number, random):
    thing, colour = random.integers(len(THINGS)), random.integers(len(COLOURS))
    text = f"那里有{COLOURS[colour]}色的{THINGS[thing]}。"
    answers = [{"text": COLOURS[colour] + "色", "answer_start": 3}]
    asked = f"什么颜色的{THINGS[thing]}？"
    return {"id": number, "context": text, "question": asked, "answers": answers}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("run"), np.random.default_rng(0)
    data = ["--task", "extract", "--data.source", "files"]
    for split, count in (("train", 24), ("valid", 6), ("test", 6)):
        lines = (json.dumps(record(n, random)) + "\n" for n in range(count))
        (folder / f"{split}.jsonl").write_text("".join(lines))
        data += [f"--data.{split}", str(folder / f"{split}.jsonl")]
    out = str(folder / "train")
    assert main(["train", "--out", out, *data, *SMALL]) == 0
    start = ["--start", f"{out}/best", "--out", str(folder / "rl")]
    assert main(["rl", *start, *data, *UPDATES]) == 0
    return folder, data


def test_it_is_evaluated_by_exact_match_and_f1(run, capsys, monkeypatch):
    folder, data = run
    monkeypatch.setenv("COLUMNS", "300")
    out = ["--out", str(folder / "scores")]
    assert main(["evaluate", str(folder / "rl/last"), *data, *out, "--no_answer"]) == 0
    printed = capsys.readouterr().out
    assert "exact match" in printed and "words:cjk" in printed
    kept = json.loads((folder / "scores" / "evaluation.json").read_text())
    assert kept["settings"]["task"] == "extract"
    assert main(["report", str(folder / "rl")]) == 0
    assert main(["doctor", str(folder / "rl/last")]) == 0


def test_a_text_is_answered_with_places(run, tmp_path, capsys):
    folder, _ = run
    path = tmp_path / "a.txt"
    text = "那里有红色的狗。"
    path.write_text(text)
    model = ["--model", str(folder / "rl/last")]
    asked = ["--question", "什么颜色的狗？", "--top", "2"]
    assert main(["answer", str(path), *asked, *model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        answer, place, score = line.split("\t")
        start, end = map(int, place.split(":"))
        assert text[start:end] == answer and 0 <= float(score) <= 1


def test_rows_get_answer_start_end_and_score(run, capsys):
    folder, _ = run
    model = ["--model", str(folder / "rl/last")]
    assert main(["answer", str(folder / "test.jsonl"), *model, "--top", "2"]) == 0
    for line in capsys.readouterr().out.splitlines():
        row = json.loads(line)
        assert row["context"][row["start"] : row["end"]] == row["answer"]
        assert len(row["answers_found"]) == 2
        assert row["answers_found"][0]["score"] == row["score"]
    never = ["--no_answer", "--threshold", "1e9"]
    assert main(["answer", str(folder / "test.jsonl"), *model, *never]) == 0
    row = json.loads(capsys.readouterr().out.splitlines()[0])
    assert row["answer"] == "" and row["start"] is None and row["end"] is None


def test_mistakes_are_named(run, tmp_path, capsys):
    folder, data = run
    model = ["--model", str(folder / "rl/last")]
    assert main(["answer", str(folder / "test.jsonl"), *model, "--beams", "2"]) == 2
    assert "finds answers reads no such setting" in capsys.readouterr().err
    other = ["--model", "starter", "--question", "谁？", "--top", "2"]
    assert main(["answer", str(folder / "test.jsonl"), *other]) == 2
    assert "writes answers reads no such setting" in capsys.readouterr().err
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"context": "狗。", "question": "谁？", "score": 1}))
    assert main(["answer", str(path), *model]) == 2
    assert f"`score`, which is in {path}:1" in capsys.readouterr().err
    path.write_text(json.dumps({"context": "狗。", "question": "谁" * 40}))
    assert main(["answer", str(path), *model]) == 2
    assert "at most 12 word pieces" in (error := capsys.readouterr().err)
    assert f"{path}:1" in error
    path.write_text(json.dumps({"context": "", "question": "谁？"}))
    assert main(["answer", str(path), *model]) == 2
    assert "`context` is empty" in capsys.readouterr().err
    (tmp_path / "a.txt").write_text("狗。")
    assert main(["summarize", str(tmp_path / "a.txt"), *model]) == 2
    assert "A model that writes texts is needed" in capsys.readouterr().err
    assert main(["choose", "--task", "extract", *data[2:]]) == 2
    assert "task must be one for models that write" in capsys.readouterr().err


def test_help_loads_no_framework():
    import subprocess
    import sys

    code = (
        "import sys, nutgraf.cli.answer, nutgraf.recipes.settings; "
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
