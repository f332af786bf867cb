import json

import pytest

from nutgraf.cli.main import main
from nutgraf.search.index_folder import open_index
from tests.search.test_dense import values_of
from tests.search.toy_search import toy_bi_encoder


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "wing.txt").write_text("A wing lifts. " * 40 + "Its slipstream spreads.")
    (folder / "天气.md").write_text("今天天气很好。我们去公园。")
    rows = (
        {"key": "p1", "body": "heat in a plate"},
        {"key": "p2", "body": "shock waves"},
    )
    (folder / "more.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_a_folder_by_words(texts, tmp_path, capsys):
    out = tmp_path / "index"
    flags = ["--out", str(out), "--id_field", "key", "--text_field", "body"]
    assert main(["index", str(texts), *flags, "--words", "60"]) == 0
    assert f"6 documents in {out}, searchable by words" in capsys.readouterr().out
    names = [document.id for document in open_index(out).documents]
    assert names == ["p1", "p2", "wing.txt#1", "wing.txt#2", "wing.txt#3", "天气.md#1"]


def test_a_file_by_meaning(texts, tmp_path, capsys):
    model = toy_bi_encoder()
    model.save(tmp_path / "bert", values_of(model))
    flags = ["--out", str(tmp_path / "i"), "--dense", str(tmp_path / "bert")]
    assert main(["index", str(texts / "wing.txt"), *flags]) == 0
    printed = capsys.readouterr()
    assert "searchable by words and meaning" in printed.out
    index = open_index(tmp_path / "i")
    assert index.manifest.model == str((tmp_path / "bert").resolve())
    assert index.manifest.embedder == model.name


def test_cut_documents_are_told(tmp_path, capsys):
    model = toy_bi_encoder()
    model.save(tmp_path / "bert", values_of(model))
    (tmp_path / "long.txt").write_text("A wing lifts. " * 20)
    argv = ["index", str(tmp_path / "long.txt"), "--out", str(tmp_path / "i")]
    assert main([*argv, "--words", "30", "--dense", str(tmp_path / "bert")]) == 0
    printed = capsys.readouterr().out
    assert "documents were cut: the model reads the first 32 tokens" in printed
    assert main([*argv, "--words", "30"]) == 0
    assert "were cut" not in capsys.readouterr().out


def test_mistakes_are_told_without_a_traceback(texts, tmp_path, capsys):
    out = ["--out", str(tmp_path / "index")]
    (tmp_path / "empty").mkdir()
    for argv, message in (
        ([str(tmp_path / "empty"), *out], "must hold files that end in"),
        ([str(tmp_path / "absent"), *out], "which does not exist"),
        ([str(texts), *out], "the field `id` is missing"),
        ([str(texts), *out], "in the fields that --id_field and --text_field name"),
        ([str(texts / "wing.txt"), *out, "--words", "-1"], "words must be"),
        ([str(texts / "wing.txt"), "--out", str(texts)], "which holds other files"),
        (
            [str(texts / "wing.txt"), *out, "--dense", "nowhere"],
            "nowhere, which is no f",
        ),
        ([str(texts / "wing.txt"), *out, "--stem", "german"], "--stem"),
        (out, "`path` is needed"),
    ):
        assert main(["index", *argv]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error, error
        assert "Received: " in error and "Traceback" not in error
    assert not (tmp_path / "index").exists()


def test_bad_rows_can_be_left_out(texts, tmp_path, capsys):
    flags = ["--out", str(tmp_path / "i"), "--bad_rows", "skip"]
    assert main(["index", str(texts), *flags]) == 0
    printed = capsys.readouterr().out
    assert "left out 2 bad rows" in printed and "documents in" in printed
