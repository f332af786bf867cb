from __future__ import annotations

import pytest

from nutgraf.cli import train
from nutgraf.cli.main import main
from nutgraf.recipes import supervised
from nutgraf.recipes.settings import TrainSettings


@pytest.fixture
def asked(monkeypatch):
    """Settings that the command hands over; nothing is trained."""
    found = []

    def fake(settings, report):
        found.append(settings)
        report("finished")

    monkeypatch.setattr(supervised, "train", fake)
    return found


def test_file_and_flags_become_the_settings(asked, tmp_path, capsys):
    path = tmp_path / "news.toml"
    path.write_text('out = "runs/a"\n[training]\nepochs = 3\n[model]\nsize = "tiny"\n')
    assert train.run([str(path), "--training.epochs", "5"]) == 0
    (settings,) = asked
    assert isinstance(settings, TrainSettings)
    assert (settings.out, settings.training.epochs) == ("runs/a", 5)
    assert settings.model.size == "tiny"
    assert settings.training.seed == TrainSettings().training.seed
    assert capsys.readouterr().out == "finished\n"


def test_without_a_file_the_defaults_are_taken(asked):
    assert train.run([]) == 0
    assert asked == [TrainSettings()]


def test_mistakes_are_told_before_anything_is_made(asked, tmp_path, capsys):
    path = tmp_path / "news.toml"
    path.write_text("[training]\nepoch = 3\n")
    assert main(["train", str(path), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "news.toml:2" in error and "Did you mean `training.epochs`?" in error
    assert not asked and not (tmp_path / "run").exists()


def test_missing_data_are_told_without_traceback(tmp_path, capsys):
    data = ["--data.source", "files", "--data.train", str(tmp_path / "absent.jsonl")]
    assert main(["train", *data, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "Add `--data.valid FILE`" in error
    (tmp_path / "valid.jsonl").write_text("")
    data += ["--data.valid", str(tmp_path / "valid.jsonl")]
    assert main(["train", *data, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "absent.jsonl" in error


def test_settings_out_of_range_are_told_all_at_once(asked, capsys):
    wrong = ["--max_minutes", "-1", "--data.max_rows", "-5", "--num_shapes", "0"]
    wrong += ["--training.learning_rate", "0", "--model.width", "-1"]
    assert main(["train", *wrong]) == 2
    error = capsys.readouterr().err
    for part in ("[data] max_rows must", "[training] learning_rate", "[model] width"):
        assert part in error
    assert error.startswith("error: 3 problems") and not asked
    assert main(["train", *wrong[:2], *wrong[4:6]]) == 2
    error = capsys.readouterr().err
    assert error.count("\n  - ") == 2 and "max_minutes=-1.0. Leave it out" in error


def test_a_bad_row_names_the_flag_of_this_command(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"document": "a", "summary": "b"}\n{"document": "a"}\n')
    data = ["--data.source", "files"]
    data += ["--data.train", str(path), "--data.valid", str(path)]
    assert main(["train", *data, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert f"{path}:2: " in error and 'set data.bad_rows to "skip"' in error
    path.write_text('{"body": "a", "title": "b"}\n')
    assert main(["train", *data, "--out", str(tmp_path / "run")]) == 2
    assert "such as --data.source_field, they name others" in capsys.readouterr().err


def test_a_data_file_in_place_of_a_config_is_told_its_flag(tmp_path, capsys):
    for name in ("rows.jsonl", "rows.csv.gz"):
        (tmp_path / name).write_text('{"document": "a", "summary": "b"}\n')
        assert main(["train", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert f"Received: {tmp_path / name}, a data file" in error
        assert f"`--data.source files --data.train {tmp_path / name}`" in error
