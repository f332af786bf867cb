from __future__ import annotations

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


@pytest.fixture(autouse=True)
def train(monkeypatch):
    module = SimpleNamespace(SETTINGS=Fake)
    monkeypatch.setitem(sys.modules, "nutgraf.cli.train", module)


def test_the_file_it_writes_is_a_config(tmp_path):
    path = tmp_path / "new" / "news.toml"
    assert init.run(["train", str(path)]) == 0
    loaded = load_settings(Fake, [str(path)], prog="nutgraf train", description="")
    assert loaded == Fake()


def test_without_a_file_it_prints(capsys):
    assert init.run(["train"]) == 0
    assert "# Updates. Must be a whole number.\nsteps = 3\n" in capsys.readouterr().out


def test_a_file_is_not_written_over_unless_told(tmp_path):
    path = tmp_path / "news.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="--force"):
        init.run(["train", str(path)])
    assert path.read_text() == "mine"
    assert init.run(["train", str(path), "--force"]) == 0
    assert "steps = 3" in path.read_text()


def test_commands_without_config():
    with pytest.raises(ConfigError, match="can be written for: train, rl, evaluate"):
        init.run(["demo"])
