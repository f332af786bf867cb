"""`nutgraf init`: write the config of a command, each setting explained."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nutgraf.cli.config import load_settings
from nutgraf.cli.toml import write_commented
from nutgraf.errors import ConfigError

__all__ = ["InitSettings", "run"]

# Commands whose file has `SETTINGS`, the dataclass of their config.
_CONFIGURED = ("pretrain", "train", "choose", "rl", "evaluate")


@dataclass(frozen=True)
class InitSettings:
    """Settings of `nutgraf init`."""

    command: str
    """Command that the config is for. May be given without the flag."""
    file: Path = Path("-")
    """File to write, - for standard output. May be given without the flag."""
    force: bool = False
    """Write over a file that is there."""


def run(argv: Sequence[str]) -> int:
    """Write the commented config of a command.

    Args:
        argv: arguments after `nutgraf init`.

    Returns:
        0.

    Raises:
        ConfigError: the command has no config, or the file is there already.
    """
    settings = load_settings(
        InitSettings,
        argv,
        prog="nutgraf init",
        description="Write a config with every setting, its meaning and its default.",
        examples=["nutgraf init train news.toml", "nutgraf init rl | less"],
        positional=["command", "file"],
    )
    if settings.command not in _CONFIGURED:
        raise ConfigError(
            f"A config can be written for: {', '.join(_CONFIGURED)}. Received: "
            f"{settings.command!r}. The other commands take flags only."
        )
    declaration = importlib.import_module(f"nutgraf.cli.{settings.command}").SETTINGS
    usage = f"nutgraf {settings.command} --config FILE"
    text = f"# Settings of `{usage}`; flags override them.\n\n"
    text += write_commented(declaration)
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
