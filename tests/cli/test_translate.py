import io
import json
import sys
from types import SimpleNamespace

import pytest

from nutgraf.cli import texts, translate
from nutgraf.cli.main import main
from nutgraf.errors import ConfigError, DataError


@pytest.fixture
def loud(monkeypatch):
    """In place of a model: capitals; what was read is kept."""
    read = []

    class Loud:
        cut = unread = 0

        def __init__(self, policy, *settings):
            pass

        def __call__(self, rows):
            read.extend(row.document for row in rows)
            return [row.document.upper() for row in rows]

    monkeypatch.setattr("nutgraf.recipes.write.Writer", Loud)
    monkeypatch.setattr("nutgraf.models.checkpoint.load_policy", lambda path: path)
    monkeypatch.setattr(texts, "load_backend", lambda: None)
    return read


def put(monkeypatch, text):
    stream = SimpleNamespace(buffer=io.BytesIO(text.encode()), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stream)


def test_a_text_is_translated_line_by_line(loud, monkeypatch, capsys):
    put(monkeypatch, "one. two.\n\n三。四。\n")
    assert translate.run(["--model", "m"]) == 0
    assert capsys.readouterr().out == "ONE. TWO.\n\n三。四。\n\n"
    assert loud == ["one. two.", "三。四。"]


@pytest.mark.parametrize(
    ("split", "read"),
    [("sentences", ["one.", "two."]), ("none", ["one. two.\n"])],
)
def test_the_split_can_be_chosen(split, read, loud, monkeypatch):
    put(monkeypatch, "one. two.\n")
    translate.run(["--model", "m", "--split", split])
    assert loud == read


def test_rows_get_a_field(loud, tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text('{"en": "one", "de": "eins"}\n')
    argv = [str(path), "--model", "m", "--source_field", "en"]
    assert translate.run(argv) == 0
    assert json.loads(capsys.readouterr().out) == {
        "en": "one",
        "de": "eins",
        "translation": "ONE",
    }
    with pytest.raises(
        DataError, match="--target_field must name a field that the row"
    ):
        translate.run([*argv, "--target_field", "de"])


def test_mistakes_are_told(tmp_path, capsys):
    with pytest.raises(ConfigError, match="`model` is needed"):
        translate.run([])
    assert main(["translate", "--model", "m", str(tmp_path / "none.txt")]) == 2
    assert "Received: " in capsys.readouterr().err
    with pytest.raises(
        ConfigError, match='--split must be one of "lines", "sentences"'
    ):
        translate.run(["--model", "m", "--split", "words"])


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_language_pair_that_the_rows_lack_is_refused(command, tmp_path, capsys):
    """The languages of a file are its fields; the message says which there are."""
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"en": "one", "de": "eins"}\n', "utf-8")
    flags = "--data.source=files --data.source_field=en --data.target_field=fr".split()
    flags += [f"--data.{split}={path}" for split in ("train", "valid", "test")]
    out = tmp_path / "out"
    argv = [command, "--task=translate", f"--out={out}", *flags]
    assert main(argv) == 2
    told = capsys.readouterr().err
    assert f"{path}:1: the field `fr` is missing (there are: en, de)" in told
    assert not list(out.glob("**/*.safetensors"))
