"""Types of settings: what a type allows in words, and checked values of it.

A value comes from TOML (already typed) or from a flag (text). Both go through
`convert`, so that a wrong one is refused with the same words wherever it was typed.
"""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["allowed", "convert", "from_text", "to_toml"]

_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path (text)",
    type(None): "none",
}


def _arms(kind: Any) -> tuple[Any, ...]:
    """Return the types that a union allows, one for every other type."""
    if get_origin(kind) in (Union, types.UnionType):
        return get_args(kind)
    return (kind,)


def allowed(kind: Any) -> str:
    """Say in words what a type allows.

    Args:
        kind: bool, int, float, str, Path, a Literal of text, `tuple[X, ...]`, or a
            union of these, with None perhaps.

    Returns:
        Words that fit after "must be".

    Raises:
        TypeError: the type cannot be a setting.

    Example:
        >>> allowed(int | None)
        'a whole number or none'
        >>> allowed(tuple[float, ...])
        'a list (each a number)'
    """
    arms = _arms(kind)
    if len(arms) > 1:
        return " or ".join(allowed(arm) for arm in arms)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list (each {allowed(get_args(kind)[0])})"
    if kind not in _WORDS:
        raise TypeError(
            "The type of a setting must be a word, a number, a list or a choice of "
            f"them. Received: {kind!r}. Declare another."
        )
    return _WORDS[kind]


def _convert_one(value: Any, kind: Any) -> Any:
    """Return the value as one type that is no union; ValueError when it is none."""
    if get_origin(kind) is Literal:
        if value in get_args(kind) and not isinstance(value, bool):
            return value
    elif get_origin(kind) is tuple:
        if isinstance(value, list | tuple):
            return tuple(convert(item, get_args(kind)[0]) for item in value)
    elif kind is float and type(value) in (int, float):
        return float(value)
    elif kind is Path and isinstance(value, str | Path) and str(value):
        return Path(value)
    elif type(value) is kind:
        return value
    raise ValueError(value)


def convert(value: Any, kind: Any) -> Any:
    """Return a value as the type of its setting.

    A whole number passes as a number, text as a path, a list as a tuple; nothing else
    is bent into shape.

    Args:
        value: as TOML gives it, or as `from_text` made it.
        kind: type of the setting.

    Returns:
        The value, of exactly that type.

    Raises:
        ValueError: the value is not of that type.

    Example:
        >>> convert([1, 2], tuple[float, ...])
        (1.0, 2.0)
    """
    for arm in _arms(kind):
        try:
            return _convert_one(value, arm)
        except ValueError:
            continue
    raise ValueError(value)


def _read_one(text: str, kind: Any) -> Any:
    """Read text as one type that is no union; ValueError when it is none."""
    words: dict[Any, dict[str, Any]] = {
        bool: {"true": True, "false": False},
        type(None): {"none": None},
    }
    if kind in words:
        if text.lower() not in words[kind]:
            raise ValueError(text)
        return words[kind][text.lower()]
    if kind in (int, float):
        return kind(text)
    if get_origin(kind) is tuple:
        items = [part.strip() for part in _split(text) if part.strip()]
        return [from_text(item, get_args(kind)[0]) for item in items]
    return text


def _split(text: str) -> list[str]:
    """Cut text at its commas, but for those in brackets or quotes."""
    parts, depth, start = [], 0, 0
    places = iter(range(len(text)))
    for place in places:
        letter = text[place]
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth = max(depth - 1, 0)
        elif letter == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
        elif letter in "'\"" and text[:place].rstrip()[-1:] in ("", *"([{,="):
            for _ in range(text.find(letter, place + 1) - place):
                next(places)
    return [*parts, text[start:]]


def from_text(text: str, kind: Any) -> Any:
    """Read the value of a flag.

    Args:
        text: as typed; lists are written `1,2,3`, no value is written `none`. Commas in
            brackets or quotes are no separators.
        kind: type of the setting.

    Returns:
        The value, of that type.

    Raises:
        ValueError: the text cannot be read as that type.

    Example:
        >>> from_text("3e-4", float), from_text("none", int | None)
        (0.0003, None)
        >>> from_text("a, b(low=1, sizes=(1, 2))", tuple[str, ...])
        ('a', 'b(low=1, sizes=(1, 2))')
    """
    # None first: "none" means no path, not a path of that name.
    arms = sorted(_arms(kind), key=lambda arm: arm is not type(None))
    for arm in arms:
        try:
            return convert(_read_one(text, arm), arm)
        except ValueError:
            continue
    raise ValueError(text)


def to_toml(value: Any) -> str:
    """Write a value as TOML.

    Args:
        value: of a type that a setting can have, but not None (TOML has none).

    Returns:
        The text after `key =`.

    Example:
        >>> to_toml(Path("a")), to_toml(True), to_toml((1, 2.0)), to_toml(1e-4)
        ('"a"', 'true', '[1, 2.0]', '0.0001')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """Return text as a TOML basic string."""
    special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    letters = []
    for letter in text:
        if letter in special:
            letters.append(special[letter])
        elif ord(letter) < 0x20 or ord(letter) == 0x7F:
            letters.append(f"\\u{ord(letter):04x}")
        else:
            letters.append(letter)
    return '"' + "".join(letters) + '"'
