"""What a dataclass declares: each setting with its key, type, default and help text.

A nested dataclass is a section: field `steps` of field `train` is the key
`train.steps`, `steps` under `[train]` in TOML and `--train.steps` as a flag.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

__all__ = ["REQUIRED", "Setting", "is_section", "sections", "settings_of"]

REQUIRED = dataclasses.MISSING


class Setting(NamedTuple):
    """One declared setting.

    Attributes:
        key: dotted name, sections first.
        kind: its type.
        default: its default, or `REQUIRED`.
        help: text under the field.
        whole: whether a lone argument is one value of a list, commas and all: what
            names files, of the type Path or with the metadata `whole`.
    """

    key: str
    kind: Any
    default: Any
    help: str
    whole: bool = False


def is_section(kind: Any) -> bool:
    """Return whether the type of a field makes it a section.

    Args:
        kind: type of the field.

    Returns:
        True for dataclasses.
    """
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _helps(cls: type) -> dict[str, str]:
    """Return the help text of each field: the string under it, or `Attributes:`."""
    from docstring_parser import parse_from_object

    return {
        item.arg_name: " ".join((item.description or "").split())
        for base in reversed(cls.__mro__)
        if dataclasses.is_dataclass(base)
        for item in parse_from_object(base).params
    }


def settings_of(cls: type, prefix: str = "") -> dict[str, Setting]:
    """List all settings of a dataclass, its sections' included.

    Args:
        cls: the declaration.
        prefix: dotted name of the section, with a dot at the end.

    Returns:
        Settings by dotted key, in the order of declaration.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Train:
        ...     steps: int = 3
        >>> settings_of(Train, "train.")["train.steps"].default
        3
    """
    kinds, helps = get_type_hints(cls), _helps(cls)
    found: dict[str, Setting] = {}
    for field in dataclasses.fields(cls):
        key, kind = prefix + field.name, kinds[field.name]
        if is_section(kind):
            found |= settings_of(kind, key + ".")
        else:
            help_text = helps.get(field.name, "")
            whole = field.metadata.get("whole", Path in get_args(kind))
            found[key] = Setting(key, kind, _default(field), help_text, whole)
    return found


def sections(cls: type, prefix: str = "") -> dict[str, str]:
    """List the sections of a dataclass.

    Args:
        cls: the declaration.
        prefix: dotted name of the section, with a dot at the end.

    Returns:
        First line of the help of each section, by its dotted name.
    """
    kinds, helps = get_type_hints(cls), _helps(cls)
    found: dict[str, str] = {}
    for field in dataclasses.fields(cls):
        kind = kinds[field.name]
        if is_section(kind):
            own = (kind.__doc__ or "").strip().splitlines()
            key = prefix + field.name
            found[key] = helps.get(field.name) or (own[0] if own else "")
            found |= sections(kind, key + ".")
    return found
