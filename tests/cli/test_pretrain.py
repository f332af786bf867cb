import pytest

from nutgraf.cli import pretrain
from nutgraf.cli.main import main
from nutgraf.recipes import pretrain as recipe
from nutgraf.recipes.pretrain_settings import PretrainSettings


@pytest.fixture
def asked(monkeypatch):
    """Settings that the command hands over; nothing is trained."""
    found = []
    monkeypatch.setattr(recipe, "pretrain", lambda given, report: found.append(given))
    return found


def test_file_and_flags_become_the_settings(asked, tmp_path):
    path = tmp_path / "books.toml"
    path.write_text('[model]\nblock = "gpt2"\nsize = "tiny"\n')
    more = ["--data.source", "files", "--data.train", "a.txt", "texts"]
    assert pretrain.run([str(path), *more, "--training.epochs", "3"]) == 0
    (settings,) = asked
    assert settings.model.block == "gpt2" and settings.training.epochs == 3
    assert settings.data.train == ("a.txt", "texts")


def test_without_a_file_the_defaults_are_taken(asked):
    assert pretrain.run([]) == 0
    assert asked == [PretrainSettings()]


def test_a_config_can_be_written(capsys):
    assert main(["init", "pretrain"]) == 0
    written = capsys.readouterr().out
    assert "# Highest learning rate of AdamW." in written
    assert "[training]" in written and "label_smoothing" not in written


@pytest.mark.parametrize(
    ("made", "flags", "message"),
    [
        ([], [], "must hold files that end in txt"),
        (["a.jsonl"], ["--data.source_field", "body"], "the field `body` is missing"),
        (["empty.txt"], [], "There must be a document to train on"),
    ],
)
def test_folders_without_documents_are_told(tmp_path, capsys, made, flags, message):
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in made:
        (folder / name).write_text('{"text": "a"}\n' if "jsonl" in name else "\n")
    data = ["--data.source", "files", "--data.train", str(folder), *flags]
    assert main(["pretrain", *data, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_model_of_another_kind_is_told(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("It rains.")
    data = ["--data.source", "files", "--data.train", str(tmp_path / "a.txt")]
    run = ["--out", str(tmp_path / "run"), "--model.start", "starter"]
    assert main(["pretrain", *data, *run]) == 2
    error = capsys.readouterr().err
    assert "model.start must be a decoder-only model" in error
