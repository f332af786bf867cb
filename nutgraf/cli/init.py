"""`nutgraf init`: write the config of a command, each setting explained."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nutgraf.cli.config import load_settings
from nutgraf.cli.toml import write_commented
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.tasks.names import TaskName, task_of

__all__ = ["InitSettings", "run"]

# Commands whose file has `SETTINGS`, the dataclass of their config.
_TRAINING = "pretrain train choose rl prefer reward-model train-search".split()
_CONFIGURED = [*_TRAINING, "evaluate"]
# Settings that name a trained model, which is the starter by default.
_MODELS = {"rl": "start", "evaluate": "model"}
_TRAINED = "runs/train/best"
_FILES = DataSettings(
    "files", train="train.jsonl", valid="valid.jsonl", test="test.jsonl"
)


@dataclass(frozen=True)
class InitSettings:
    """Settings of `nutgraf init`."""

    command: str
    """Command that the config is for. May be given without the flag."""
    file: Path = Path("-")
    """File to write, - for standard output. May be given without the flag."""
    task: TaskName | None = None
    """Write what the settings are by default for this task, such as its limits and
    fields; none = the defaults of the command."""
    force: bool = False
    """Write over a file that is there."""


def _for_task(command: str, declaration: type, task: str) -> Any:
    """The settings of a command for a task; files and models get made-up names."""
    if "task" not in (field.name for field in fields(declaration)):
        raise ConfigError(
            f"--task must be left out for `{command}`, which has no task. Received: "
            f"{task}. The commands train, choose, rl and evaluate have one."
        )
    if DataSettings.source in task_of(task).sources:
        return declaration(task=task)
    model = {_MODELS[command]: _TRAINED} if command in _MODELS else {}
    return declaration(task=task, data=_FILES, **model)


def run(argv: Sequence[str]) -> int:
    """Write the commented config of a command.

    Args:
        argv: arguments after `nutgraf init`.

    Returns:
        0.

    Raises:
        ConfigError: the command has no config or no such task, or the file is there
            already.
    """
    settings = load_settings(
        InitSettings,
        argv,
        prog="nutgraf init",
        description=(
            "Write a config with every setting, its meaning and its default; with "
            "--task, those of a task, and file names to put your own for."
        ),
        examples=[
            "nutgraf init train news.toml",
            "nutgraf init train mt.toml --task translate",
            "nutgraf init rl | less",
        ],
        positional=["command", "file"],
    )
    if settings.command not in _CONFIGURED:
        raise ConfigError(
            f"A config can be written for: {', '.join(_CONFIGURED)}. Received: "
            f"{settings.command!r}. The other commands take flags only."
        )
    module = f"nutgraf.cli.{settings.command.replace('-', '_')}"
    declaration = importlib.import_module(module).SETTINGS
    usage = f"nutgraf {settings.command} --config FILE"
    text = f"# Settings of `{usage}`; flags override them.\n"
    chosen = None
    if settings.task is not None:
        chosen = _for_task(settings.command, declaration, settings.task)
        if chosen.data.source == "files":
            text += "# The names of files and models are made up: put your own.\n"
    text += "\n" + write_commented(declaration, chosen)
    if str(settings.file) == "-":
        sys.stdout.write(text)
        return 0
    if settings.file.exists() and not settings.force:
        raise ConfigError(
            f"`file` must be a new file. Received: {settings.file}, which is there. "
            "Choose another name, or write over it with --force."
        )
    settings.file.parent.mkdir(parents=True, exist_ok=True)
    settings.file.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {settings.file}\n")
    return 0
