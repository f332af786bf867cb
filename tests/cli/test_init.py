from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from nutgraf.cli import init
from nutgraf.cli.config import load_settings
from nutgraf.errors import ConfigError


@dataclass(frozen=True)
class Fake:
    """Fake settings."""

    steps: int = 3
    """Updates."""


@pytest.fixture
def train(monkeypatch):
    module = SimpleNamespace(SETTINGS=Fake)
    monkeypatch.setitem(sys.modules, "nutgraf.cli.train", module)


def test_the_file_it_writes_is_a_config(train, tmp_path):
    path = tmp_path / "new" / "news.toml"
    assert init.run(["train", str(path)]) == 0
    loaded = load_settings(Fake, [str(path)], prog="nutgraf train", description="")
    assert loaded == Fake()


def test_without_a_file_it_prints(train, capsys):
    assert init.run(["train"]) == 0
    assert "# Updates. Must be a whole number.\nsteps = 3\n" in capsys.readouterr().out


def test_a_file_is_not_written_over_unless_told(train, tmp_path):
    path = tmp_path / "news.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="--force"):
        init.run(["train", str(path)])
    assert path.read_text() == "mine"
    assert init.run(["train", str(path), "--force"]) == 0
    assert "steps = 3" in path.read_text()


def test_commands_without_config():
    with pytest.raises(ConfigError, match="can be written for: pretrain, train"):
        init.run(["demo"])


@pytest.mark.parametrize("command", ["pretrain", "train", "rl", "evaluate"])
def test_the_config_of_each_command_holds_its_defaults(command, tmp_path):
    path = tmp_path / "new.toml"
    assert init.run([command, str(path)]) == 0
    assert f"`nutgraf {command} --config FILE`" in path.read_text()
    declaration = importlib.import_module(f"nutgraf.cli.{command}").SETTINGS
    found = load_settings(
        declaration, ["--config", str(path)], prog=command, description=""
    )
    assert found == declaration()
