from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nutgraf.cli.config import load_settings, nearest
from nutgraf.errors import ConfigError


@dataclass(frozen=True)
class Train:
    """How to train."""

    steps: int = 100
    """Updates in all."""
    max_rate: float = 1e-3
    """Highest learning rate."""
    half: bool = False
    """Half precision."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"steps must be >= 1. Received: {self.steps}.")


@dataclass(frozen=True)
class Job:
    """A job."""

    data: Path
    """Where the rows are."""
    weights: tuple[float, ...] = (1.0, 2.0)
    """Weights."""
    seed: int | None = None
    """Seed of everything."""
    train: Train = field(default_factory=Train)


def load(*argv: str, positional: tuple[str, ...] = ()) -> Job:
    return load_settings(
        Job,
        argv,
        prog="nutgraf job",
        description="Do a job.",
        examples=["nutgraf job a.toml"],
        positional=positional,
    )


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text('data = "rows"\nseed = 3\n\n[train]\nsteps = 5\nhalf = true\n')
    return path


def test_flags_override_the_file_and_the_file_the_defaults(config):
    job = load(str(config), "--train.steps", "7", "--seed=none")
    assert job == Job(Path("rows"), (1.0, 2.0), None, Train(7, 1e-3, True))


def test_the_file_can_be_named_by_flag(config):
    assert load("--config", str(config)) == load(str(config))


@pytest.mark.parametrize(
    ("argv", "half"),
    [
        (["--train.half"], True),
        (["--train.half", "false"], False),
        (["--train.half=true"], True),
        (["--train.half", "--seed", "1"], True),
    ],
)
def test_switches(argv, half):
    assert load("--data", "x", *argv).train.half is half


@pytest.mark.parametrize("name", ["--train.max_rate", "--train.max-rate"])
def test_hyphens_and_underscores_are_the_same(name):
    assert load("--data", "x", name, "-2").train.max_rate == -2.0


@pytest.mark.parametrize("texts", [["3", "4"], ["3,4"]])
def test_lists(texts):
    assert load("--weights", *texts, "--data", "x").weights == (3.0, 4.0)


@dataclass(frozen=True)
class Texts:
    """Texts and what they are worth."""

    files: tuple[Path, ...] = ()
    """Files."""
    parts: tuple[str, ...] = ()
    """Rewards."""
    train: tuple[str, ...] = field(default=(), metadata={"whole": True})
    """Files by their names."""


def test_commas_that_belong_to_a_value_do_not_cut_it():
    part = "repetition(words=english, sizes=(1, 2))=0.5"
    texts = load_settings(
        Texts,
        ["letter, final.txt", "--parts", part, "--train", "a, b.txt"],
        prog="nutgraf job",
        description="Do a job.",
        positional=("files",),
    )
    assert texts == Texts((Path("letter, final.txt"),), (part,), ("a, b.txt",))


def test_positional_settings():
    assert load("rows", "--seed", "1", positional=("data",)).data == Path("rows")


def test_a_positional_list_takes_all_that_is_left():
    job = load("rows", "1", "2", "3", positional=("data", "weights"))
    assert job.weights == (1.0, 2.0, 3.0)


def test_one_argument_too_many_is_named(config):
    with pytest.raises(ConfigError, match="Received: other beyond that"):
        load(str(config), "other")


def test_all_problems_are_told_at_once(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text("seed = true\n[train]\nstps = 3\n[trian]\na = 1\n")
    with pytest.raises(ConfigError) as caught:
        load(str(path), "--train.steps", "many", "--wieghts", "1")
    message = str(caught.value)
    assert message.startswith("6 problems in the settings:\n")
    for part in (
        f"{path}:1: `seed` must be a whole number or none. Received: True.",
        f"{path}:3: only declared settings",
        "unknown key `train.stps`. Did you mean `train.steps`?",
        f"{path}:4: only declared settings",
        "unknown section `trian`. Did you mean `train`?",
        "--train.steps must be a whole number. Received: 'many'. "
        "Leave it out for the default, 100.",
        "unknown flag `--wieghts`. Did you mean `--weights`?",
        "`data` is needed. Received: nothing.",
    ):
        assert part in message


def test_a_needed_setting_of_a_wrong_type_is_told_once(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text("data = 3\n")
    with pytest.raises(ConfigError, match=r"job\.toml:1: `data` must be a path"):
        load(str(path))


def test_a_flag_without_its_value():
    with pytest.raises(ConfigError, match="--seed must be .* nothing after it"):
        load("--data", "x", "--seed")


def test_config_without_its_file():
    with pytest.raises(ConfigError, match="--config takes a TOML file"):
        load("--config")


def test_checks_of_a_section_name_it():
    with pytest.raises(ConfigError, match=r"\[train\] steps must be >= 1"):
        load("--data", "x", "--train.steps", "0")


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as caught:
        load("--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for part in ("--data", "--train.max_rate", "Updates in all.", "nutgraf job a.toml"):
        assert part in text


def test_nearest():
    assert nearest("steps", ["train.steps", "seed"]) == "Did you mean `train.steps`?"
    assert nearest("zzz", ["a", "b"]) == "Known are: a, b."
