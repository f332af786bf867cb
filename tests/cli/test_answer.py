import io
import json
import re
import sys
from types import SimpleNamespace

import pytest

from nutgraf.cli import answer, texts
from nutgraf.cli.main import main
from nutgraf.data.questions import split_asked
from nutgraf.errors import ConfigError, DataError


@pytest.fixture
def first(monkeypatch):
    """In place of a model: the question word and the first word of the text."""

    class Words:
        def encode_batch(self, texts):
            return [re.findall(r"\S+|\n", text) for text in texts]

    class First:
        cut = unread = 0
        longest = 8
        tokenizer = Words()

        def __init__(self, policy, *settings):
            pass

        def __call__(self, rows):
            asked = [split_asked(row.document) for row in rows]
            return [f"{one.question[:3]} {one.context.split()[0]}" for one in asked]

    monkeypatch.setattr("nutgraf.recipes.write.Writer", First)
    monkeypatch.setattr("nutgraf.models.checkpoint.load_policy", lambda path: path)
    monkeypatch.setattr(texts, "load_backend", lambda: None)


def rows(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_a_question_is_asked_about_each_text(first, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("Ann wrote.\n")
    (tmp_path / "b.txt").write_text("安娜 写的。\n")
    files = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    assert answer.run([*files, "--question", "Who\nwrote?", "--model", "m"]) == 0
    assert capsys.readouterr().out == f"{files[0]}: Who Ann\n{files[1]}: Who 安娜\n"


def test_rows_bring_their_questions_or_share_one(first, tmp_path, capsys):
    record = {"context": "Ann wrote.", "question": "谁写的？", "answers": ["Ann"]}
    path = rows(tmp_path / "a.jsonl", record)
    assert answer.run([path, "--model", "m"]) == 0
    assert json.loads(capsys.readouterr().out) == {**record, "answer": "谁写的 Ann"}
    lone = rows(tmp_path / "b.jsonl", {"context": "Ann wrote."})
    answer.run([lone, "--model", "m", "--question", "Why?"])
    assert json.loads(capsys.readouterr().out)["answer"] == "Why Ann"


def test_what_cannot_be_asked_is_told_before_a_model_is_loaded(
    tmp_path, capsys, monkeypatch
):
    stream = SimpleNamespace(buffer=io.BytesIO(b"Ann wrote."), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["answer", "--model", "m"]) == 2
    error = capsys.readouterr().err
    assert 'no --question for -. Add --question "..."' in error
    bad = {"context": "", "question": "Who?"}, {"context": "Ann.", "question": " "}
    path = rows(tmp_path / "a.jsonl", *bad)
    with pytest.raises(DataError) as caught:
        answer.run([path, "--model", "m"])
    assert f"{path}:1: `context` is empty" in str(caught.value)
    assert f"{path}:2: `question` is empty" in str(caught.value)
    with pytest.raises(ConfigError, match="`model` is needed"):
        answer.run(["--question", "Who?"])


def test_bad_rows_can_be_skipped(first, tmp_path, capsys):
    good = {"context": "Ann wrote.", "question": "Who?"}
    path = rows(tmp_path / "a.jsonl", good, {"context": "Ann."})
    assert answer.run([path, "--model", "m", "--bad_rows", "skip"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["answer"] == "Who Ann"
    assert (
        "left out 1 bad row" in printed.err and "`question` is missing" in printed.err
    )


def test_a_question_that_leaves_no_room_for_its_text_is_refused(
    first, tmp_path, capsys
):
    """Six words and a line break leave one of the eight word pieces for the text."""
    records = [{"context": "Ann", "question": "a " * n} for n in (6, 7)]
    path = rows(tmp_path / "a.jsonl", *records)
    assert main(["answer", path, "--model", "m"]) == 2
    error = capsys.readouterr().err
    assert "A question must have fewer word pieces than the model reads, 8" in error
    assert f"Received: 8 in {path}:2. Shorten it, or train" in error
    assert main(["answer", rows(tmp_path / "b.jsonl", records[0]), "--model", "m"]) == 0
    capsys.readouterr()
    (tmp_path / "a.txt").write_text("Ann wrote.")
    asked = ["--question", "a " * 9, "--model", "m"]
    assert main(["answer", str(tmp_path / "a.txt"), *asked]) == 2
    assert "Received: 10 in " in capsys.readouterr().err
