from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from nutgraf.cli import init
from nutgraf.cli.config import load_settings
from nutgraf.errors import ConfigError
from nutgraf.tasks.names import task_of


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


def test_a_task_must_be_one_of_the_command(train, tmp_path):
    for argv in (["train", "--task", "translate"], ["pretrain", "--task", "answer"]):
        with pytest.raises(ConfigError, match=f"left out for `{argv[0]}`.*{argv[2]}"):
            init.run(argv)
    with pytest.raises(ConfigError, match="--task must be one of .*'chat'"):
        init.run(["rl", "--task", "chat"])


TASKS = ["summarize", "translate", "answer", "extract"]


def written(command, task, path):
    """What is loaded from the config of a task, and its text."""
    assert init.run([command, str(path), "--task", task]) == 0
    declaration = importlib.import_module(f"nutgraf.cli.{command}").SETTINGS
    found = load_settings(declaration, [f"--config={path}"], prog="", description="")
    return found, path.read_text()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("command", ["train", "choose", "rl", "evaluate"])
def test_a_config_of_a_task_has_its_defaults(command, task, tmp_path):
    if (command, task) == ("choose", "extract"):
        with pytest.raises(ConfigError, match="one for models that write"):
            written(command, task, tmp_path / "new.toml")
        return
    found, text = written(command, task, tmp_path / "new.toml")
    assert found.task == task
    if task == "summarize":  # its rows and its model are at hand
        assert found == type(found)()
        assert "made up" not in text
    else:
        fields = task_of(task).fields
        assert found.data.source_field == fields.source
        assert found.data.question_field == (fields.question or "")
        assert found.data.train == "train.jsonl" and "made up" in text
        assert '= "starter"' not in text


def test_limits_reward_and_guard_of_a_task_are_written(tmp_path):
    limits, text = written("train", "translate", tmp_path / "train.toml")
    assert (limits.model.max_source, limits.model.max_target) == (96, 96)
    assert '\ntarget_field = "target"\n' in text
    reads, _ = written("train", "extract", tmp_path / "extract.toml")
    assert reads.model.architecture == "bert"
    _, text = written("rl", "answer", tmp_path / "rl.toml")
    assert '\nparts = ["token_f1=1"]\n' in text
    assert '\nmetrics = ["token_f1", "exact_match", ' in text
    assert '\nstart = "runs/train/best"\n' in text


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


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("prefer", ["pairs"]),
        ("reward-model", ["pairs"]),
        ("train-search", ["index", "queries", "qrels"]),
    ],
)
def test_what_a_command_needs_is_asked_for(command, needed, tmp_path):
    """The rest of the config is the defaults."""
    path = tmp_path / "new.toml"
    assert init.run([command, str(path)]) == 0
    text = path.read_text()
    assert all(f"# {name} =   # needed" in text for name in needed)
    module = importlib.import_module(f"nutgraf.cli.{command.replace('-', '_')}")
    flags = [f"--{name}=a" for name in needed]
    found = load_settings(
        module.SETTINGS, [*flags, "--config", str(path)], prog=command, description=""
    )
    assert found == module.SETTINGS(**dict.fromkeys(needed, "a"))
