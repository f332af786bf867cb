"""Settings of a command from one declaration: a frozen dataclass.

The field `steps` of the section `train` is `steps` under `[train]` in the TOML file,
`--train.steps` on the command line and a line in `--help`. Flags override the file, the
file overrides the defaults. Everything is checked, and all problems are told at once.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

from nutgraf.cli.declared import REQUIRED, Setting, is_section, sections, settings_of
from nutgraf.cli.toml import Entry, read_file
from nutgraf.cli.values import allowed, convert, from_text
from nutgraf.data.files import KINDS
from nutgraf.errors import ConfigError

__all__ = ["load_settings", "nearest"]

T = TypeVar("T")


class _Flag(NamedTuple):
    """One setting on the command line.

    Attributes:
        typed: the flag as typed, for messages.
        key: dotted key of the setting that it names.
        texts: what was given for it; empty when nothing followed.
    """

    typed: str
    key: str
    texts: list[str]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant.

    Args:
        name: what was typed.
        names: what is allowed.

    Returns:
        A sentence; it lists all names when none is near.

    Example:
        >>> nearest("tran", ["train", "rl"])
        'Did you mean `train`?'
    """
    choices = list(names)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if not close:  # the section may be right and the rest misspelt, or be left out
        last = {choice.rpartition(".")[2]: choice for choice in reversed(choices)}
        tail = difflib.get_close_matches(name.rpartition(".")[2], last, n=1)
        close = [last[found] for found in tail]
    if close:
        return f"Did you mean `{close[0]}`?"
    return "Known are: " + ", ".join(choices) + "."


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _follows(rest: list[str], kind: Any) -> int:
    """Return how many of the next arguments belong to a flag of that type."""
    count = 0
    while count < len(rest) and not rest[count].startswith("--"):
        count += 1
    if kind is bool:
        return int(bool(count) and rest[0].lower() in ("true", "false"))
    return count if _is_list(kind) else min(count, 1)


def _split(
    argv: Sequence[str], declared: dict[str, Setting]
) -> tuple[list[str], list[_Flag]]:
    """Take the command line apart: arguments without a flag, and flags."""
    bare: list[str] = []
    flags: list[_Flag] = []
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            bare.append(argument)
            continue
        typed, joined, text = argument.partition("=")
        key = typed[2:].replace("-", "_")
        kind = declared[key].kind if key in declared else str
        if joined:
            texts = [text]
        else:
            count = _follows(rest, kind)
            texts, rest = rest[:count], rest[count:]
        if kind is bool and not texts:
            texts = ["true"]
        flags.append(_Flag(typed, key, texts))
    return bare, flags


def _place(
    bare: list[str], names: Sequence[str], declared: dict[str, Setting]
) -> tuple[list[_Flag], list[str]]:
    """Give arguments without a flag to the positional settings, in order."""
    flags: list[_Flag] = []
    rest = list(bare)
    for name in names:
        count = len(rest) if _is_list(declared[name].kind) else 1
        if rest:
            flags.append(_Flag(f"`{name}`", name, rest[:count]))
        rest = rest[count:]
    return flags, rest


def _wrong(where: str, setting: Setting, received: str) -> str:
    advice = "Set it." if setting.default is REQUIRED else "Leave it out for the "
    if setting.default is not REQUIRED:
        advice += f"default, {setting.default!r}."
    return f"{where} must be {allowed(setting.kind)}. Received: {received}. {advice}"


def _from_file(
    entries: dict[str, Entry], cls: type, declared: dict[str, Setting]
) -> tuple[dict[str, Any], list[str]]:
    """Check what a file says; return the values and the problems."""
    values: dict[str, Any] = {}
    problems = []
    known = [*declared, *sections(cls)]
    for key, (value, where) in entries.items():
        if key not in declared:
            kind = "section" if isinstance(value, dict) else "key"
            problems.append(
                f"{where}: only declared settings are allowed. Received: the unknown "
                f"{kind} `{key}`. {nearest(key, known)}"
            )
            continue
        try:
            values[key] = convert(value, declared[key].kind)
        except ValueError:
            place = f"{where}: `{key}`"
            problems.append(_wrong(place, declared[key], repr(value)))
    return values, problems


def _read(texts: list[str], setting: Setting) -> Any:
    """Read what was given for one setting; ValueError when it does not fit."""
    kind = setting.kind
    if not texts:
        raise ValueError("nothing")
    if _is_list(kind) and (len(texts) > 1 or setting.whole):
        return tuple(from_text(text, get_args(kind)[0]) for text in texts if text)
    return from_text(texts[0], kind)


def _from_flags(
    flags: list[_Flag], declared: dict[str, Setting], prog: str
) -> tuple[dict[str, Any], list[str]]:
    """Check the flags; return the values and the problems."""
    values: dict[str, Any] = {}
    problems = []
    names = [f"--{name}" for name in (*declared, "config", "help")]
    for typed, key, texts in flags:
        if key not in declared:
            problems.append(
                f"{prog} takes only its own flags. Received: the unknown flag "
                f"`{typed}`. {nearest(typed, names)}"
            )
            continue
        try:
            values[key] = _read(texts, declared[key])
        except ValueError:
            received = repr(" ".join(texts)) if texts else "nothing after it"
            problems.append(_wrong(typed, declared[key], received))
    return values, problems


def _build(cls: type, prefix: str, values: dict[str, Any], problems: list[str]) -> Any:
    """Make the instance, sections first; None when a check of a class refuses."""
    kinds, before = get_type_hints(cls), len(problems)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        key = prefix + field.name
        if is_section(kinds[field.name]):
            arguments[field.name] = _build(
                kinds[field.name], key + ".", values, problems
            )
        elif key in values:
            arguments[field.name] = values[key]
    if len(problems) > before:
        return None
    try:
        return cls(**arguments)
    except ConfigError as error:
        section = f"[{prefix[:-1]}] " if prefix else ""
        problems += [section + line for line in str(error).splitlines()]
        return None


def _show_help(cls: type, prog: str, description: str, examples: Sequence[str]) -> None:
    """Print the help, rendered by tyro from the same declaration."""
    import tyro

    if examples:
        description += "\n\nexamples:\n" + "\n".join(f"  {line}" for line in examples)
    description += "\n\nA TOML file of the same settings is read with --config FILE."
    tyro.cli(
        cls,
        args=["--help"],
        prog=prog,
        description=description,
        use_underscores=True,
        config=(tyro.conf.FlagConversionOff,),
    )


def _refuse_data(name: str, declared: dict[str, Setting]) -> None:
    """Refuse a data file in place of a config."""
    if name.lower().removesuffix(".gz").rpartition(".")[2] in KINDS:
        own = f"`--data.source files --data.train {name}`"
        raise ConfigError(
            f"The config must be a TOML file. Received: {name}, a data file. Name it "
            f"by {own if 'data.train' in declared else 'a flag of its own'}; see "
            "--help."
        )


def _entries(
    files: list[_Flag], cls: type, declared: dict[str, Setting]
) -> dict[str, Entry]:
    """Read the config files that were named; a later one overrides."""
    entries: dict[str, Entry] = {}
    for flag in files:
        if not flag.texts:
            raise ConfigError(
                "--config takes a TOML file. Received: nothing after it. "
                "`nutgraf init` writes one."
            )
        _refuse_data(flag.texts[0], declared)
        entries |= read_file(Path(flag.texts[0]), set(sections(cls)))
    return entries


def _refuse(problems: list[str]) -> None:
    if len(problems) == 1:
        raise ConfigError(problems[0])
    if problems:
        lines = [f"{len(problems)} problems in the settings:"]
        raise ConfigError("\n  - ".join(lines + problems))


def load_settings(
    cls: type[T],
    argv: Sequence[str],
    *,
    prog: str,
    description: str,
    examples: Sequence[str] = (),
    positional: Sequence[str] = (),
) -> T:
    """Read the settings of a command from its config file and its flags.

    Args:
        cls: a frozen dataclass with a docstring under each field; a field that is a
            dataclass is a section. A field without default must be set.
        argv: the arguments after the name of the command.
        prog: the command as typed, such as `nutgraf train`.
        description: what it does, for `--help`.
        examples: command lines, for `--help`.
        positional: names of top-level settings that may be given without their flag,
            in this order; a last one of type `tuple[X, ...]` takes all that is left.
            Without any, a single bare argument is the config file.

    Returns:
        An instance of `cls`.

    Raises:
        ConfigError: unknown keys, values of a wrong type, missing ones: all of them.
        SystemExit: with code 0, after `--help`.
    """
    if "--help" in argv or "-h" in argv:
        _show_help(cls, prog, description, examples)
    declared = settings_of(cls)
    bare, flags = _split(argv, declared)
    files = [flag for flag in flags if flag.key == "config"]
    flags = [flag for flag in flags if flag.key != "config"]
    if not positional and not files and bare:
        files, bare = [_Flag("--config", "config", bare[:1])], bare[1:]
    placed, left = _place(bare, positional, declared)
    entries = _entries(files, cls, declared)
    values, problems = _from_file(entries, cls, declared)
    typed, wrong = _from_flags(placed + flags, declared, prog)
    values |= typed
    problems += wrong
    if left:
        problems.append(
            f"{prog} takes at most {len(positional) or 1} argument(s) without a flag. "
            f"Received: {' '.join(left)} beyond that. See {prog} --help."
        )
    named = {*values, *entries, *(flag.key for flag in placed + flags)}
    problems += [
        f"`{key}` is needed. Received: nothing. Set --{key}, or {key} in the config: "
        f"{item.help}"
        for key, item in declared.items()
        if item.default is REQUIRED and key not in named
    ]
    instance: Any = None if problems else _build(cls, "", values, problems)
    _refuse(problems)
    return cast(T, instance)
