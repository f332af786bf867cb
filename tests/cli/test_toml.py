from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from nutgraf.cli.config import load_settings
from nutgraf.cli.toml import read_file, write_commented
from nutgraf.errors import ConfigError


@dataclass(frozen=True)
class Train:
    """How to train."""

    rate: float = 1e-3
    """Highest learning rate."""
    half: bool = True
    """Half precision."""


@dataclass(frozen=True)
class Job:
    """A job."""

    size: Literal["tiny", "small"] = "tiny"
    """Named size"""
    weights: tuple[float, ...] = (1.0, 0.5)
    """Weights."""
    seed: int | None = None
    """Seed of everything."""
    folder: Path = Path('runs/"x"\\y')
    """Where it goes."""
    train: Train = field(default_factory=Train)


def load(path: Path) -> Job:
    return load_settings(Job, [str(path)], prog="nutgraf job", description="")


def test_the_written_file_loads_to_the_defaults(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(write_commented(Job), encoding="utf-8")
    assert load(path) == Job()


def test_the_written_file_loads_to_the_instance(tmp_path):
    job = Job("small", (), 3, Path("b"), Train(2.0, False))
    path = tmp_path / "job.toml"
    path.write_text(write_commented(Job, job), encoding="utf-8")
    assert load(path) == job


def test_each_key_has_its_help_and_what_it_allows_above_it():
    text = write_commented(Job)
    assert '# Named size. Must be one of "tiny", "small".\nsize = "tiny"\n' in text
    assert "# seed =   # not set" in text
    assert "# How to train.\n[train]\n" in text


def test_a_key_without_default_is_left_to_the_user():
    @dataclass(frozen=True)
    class Needs:
        data: str
        """Rows."""

    assert "# data =   # needed" in write_commented(Needs)


def test_entries_know_their_lines(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('size = "tiny"\n\n[train]\n# rate = 1\nrate = 2\n[other]\nb = 1\n')
    entries = read_file(path, {"train"})
    assert entries["size"] == ("tiny", f"{path}:1")
    assert entries["train.rate"] == (2, f"{path}:5")
    assert entries["other"] == ({"b": 1}, f"{path}:6")


def test_dotted_keys_are_the_same_as_sections(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("train.rate = 2\n")
    assert read_file(path, {"train"})["train.rate"] == (2, f"{path}:1")


def test_broken_toml_names_the_line(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("a = 1\nb = tiny\n")
    with pytest.raises(ConfigError, match=r"a\.toml:2: the config must be TOML"):
        read_file(path, set())


def test_an_absent_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="`nutgraf init` writes one"):
        read_file(tmp_path / "a.toml", set())


def test_another_encoding_is_refused(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes("a = 'é'".encode("latin-1"))
    with pytest.raises(ConfigError, match="must be UTF-8 text.*at byte 5"):
        read_file(path, set())
