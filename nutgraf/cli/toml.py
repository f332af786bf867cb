"""Config files: read with line numbers, write with comments."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from nutgraf.cli.declared import REQUIRED, Setting, sections, settings_of
from nutgraf.cli.values import allowed, to_toml
from nutgraf.errors import ConfigError

__all__ = ["Entry", "read_file", "write_commented"]

_HEADER = re.compile(r"\s*\[\s*([\w.\-\s\"']+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\-\"']+)\s*=")
_WIDTH = 86


class Entry(NamedTuple):
    """One value of a config file.

    Attributes:
        value: as TOML gives it.
        where: `file:line`, or the file alone where the line is not known.
    """

    value: Any
    where: str


def _lines(text: str) -> dict[str, int]:
    """Return the line on which each dotted key and section is written."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header[1].replace('"', "").replace("'", "") + "."
            found.setdefault(section.rstrip("."), number)
        elif key := _KEY.match(line):
            name = key[1].replace('"', "").replace("'", "")
            found.setdefault(section + name, number)
    return found


def _flatten(table: dict[str, Any], prefix: str, known: set[str]) -> dict[str, Any]:
    """Return the values of a table by dotted key; unknown tables stay whole."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key in known:
            flat |= _flatten(value, key + ".", known)
        else:
            flat[key] = value
    return flat


def read_file(path: Path, known: set[str]) -> dict[str, Entry]:
    """Read a TOML file.

    Args:
        path: the file.
        known: dotted names of the sections; other tables are kept as one value.

    Returns:
        What the file says, by dotted key.

    Raises:
        ConfigError: the file is absent, unreadable or no TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"The config must be a TOML file that can be read. Received: {path} "
            f"({error.strerror}). `nutgraf init` writes one."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The config must be UTF-8 text. Received: {path} with another encoding "
            f"at byte {error.start}. Save it as UTF-8."
        ) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError(
            f"{where}: the config must be TOML. Received: {error}. Mend that line; "
            'text needs quotes, as in name = "value".'
        ) from error
    lines = _lines(text)
    return {
        key: Entry(value, f"{path}:{lines[key]}" if key in lines else str(path))
        for key, value in _flatten(table, "", known).items()
    }


def _value_of(instance: Any, key: str) -> Any:
    for name in key.split("."):
        instance = getattr(instance, name)
    return instance


def _setting_lines(setting: Setting, instance: Any) -> list[str]:
    """Return the comment and the line of one setting."""
    name = setting.key.rpartition(".")[2]
    value = setting.default if instance is None else _value_of(instance, setting.key)
    text = setting.help or name
    if not text.endswith("."):
        text += "."
    comment = f"{text} Must be {allowed(setting.kind)}."
    lines = textwrap.wrap(comment, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    if value is REQUIRED:
        return [*lines, f"# {name} =   # needed: take away the # and set it"]
    if value is None:
        return [*lines, f"# {name} =   # not set"]
    return [*lines, f"{name} = {to_toml(value)}"]


def write_commented(cls: type, instance: Any = None) -> str:
    """Write all settings as TOML, each with its help text above it.

    Args:
        cls: the declaration, a dataclass.
        instance: the values to write; the defaults when None.

    Returns:
        The text of the file. Loaded again, it gives the same values.
    """
    helps = {"": "", **sections(cls)}
    grouped: dict[str, list[Setting]] = {name: [] for name in helps}
    for setting in settings_of(cls).values():
        grouped[setting.key.rpartition(".")[0]].append(setting)
    parts = []
    for section, settings in grouped.items():
        lines = [f"[{section}]"] if section else []
        if helps[section]:
            wrapped = textwrap.wrap(helps[section], _WIDTH)
            lines = [f"# {line}" for line in wrapped] + lines
        for setting in settings:
            lines += _setting_lines(setting, instance)
        if settings:
            parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
