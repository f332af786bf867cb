"""What of a dataclass was set: the fields that are not as they are by default."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["changed"]


def changed(settings: Any, *names: str) -> dict[str, Any]:
    """Return the settings that differ from their defaults.

    Args:
        settings: a dataclass.
        *names: fields to look at, each with a plain default; none = all of them.

    Returns:
        Field -> value, in the order of declaration.

    Example:
        >>> @dataclasses.dataclass
        ... class Settings:
        ...     rate: float = 0.1
        ...     rows: int = 3
        >>> changed(Settings(rows=4))
        {'rows': 4}
    """
    return {
        field.name: value
        for field in dataclasses.fields(settings)
        if not names or field.name in names
        if (value := getattr(settings, field.name)) != field.default
    }
