"""Ranges of settings: declared in one place, all mistakes told at once."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import Any

from nutgraf.errors import ConfigError

__all__ = ["check_folds", "check_options", "check_ranges"]


def _holds(value: Any, whole: bool, text: str) -> bool:
    """Whether a value is a finite number of a range."""
    kind = numbers.Integral if whole else numbers.Real
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    if text.startswith(">"):
        sign, least = text.split()
        above, below = sign == ">=", False
        low, high = float(least), math.inf
    else:
        above, below = text[0] == "[", text[-1] == "]"
        low, high = map(float, text[1:-1].split(", "))
    number = float(value)
    inside = low < number < high
    return inside or (above and number == low) or (below and number == high)


def _words(whole: bool, text: str) -> str:
    """A range in words."""
    kind = "an integer" if whole else "a number"
    return f"{kind} {text}" if text.startswith(">") else f"{kind} in {text}"


def check_ranges(settings: Any, **ranges: str) -> None:
    """Refuse numbers outside of their ranges.

    Args:
        settings: a dataclass with numbers; those declared as int must be whole.
        **ranges: field -> ">= 1", "> 0", or an interval such as "[0, 1)".

    Raises:
        ConfigError: numbers are out of range; all of them are named.

    Example:
        >>> @dataclasses.dataclass
        ... class Settings:
        ...     rate: float = 0.1
        >>> check_ranges(Settings(rate=2), rate="[0, 1)")
        Traceback (most recent call last):
        nutgraf.errors.ConfigError: rate must be a number in [0, 1). Received: rate=2. \
Leave it out for 0.1.
    """
    problems = []
    for field in dataclasses.fields(settings):
        text, value = ranges.get(field.name), getattr(settings, field.name)
        whole = field.type in ("int", int)
        if text is None or _holds(value, whole, text):
            continue
        problems.append(
            f"{field.name} must be {_words(whole, text)}. Received: {field.name}="
            f"{value!r}. Leave it out for {field.default}."
        )
    if problems:
        raise ConfigError("\n".join(problems))


def check_options(given: Mapping[str, Any], **allowed: str | tuple[str, ...]) -> None:
    """Refuse options that are not what they may be.

    Args:
        given: name -> value.
        **allowed: name -> a range of `check_ranges`, with "integer" before it for whole
            numbers and "or None" behind it where None is allowed; or the words of
            which it must be one.

    Raises:
        ConfigError: options are none of these; all of them are named.

    Example:
        >>> check_options({"clip": None, "best": 0}, clip="> 1 or None", best="> 0")
        Traceback (most recent call last):
        nutgraf.errors.ConfigError: best must be a number > 0. Received: best=0. \
Leave it out for what is usual.
    """
    problems = []
    for name, may_be in allowed.items():
        value = given[name]
        if isinstance(may_be, tuple):
            fine, words = value in may_be, f"one of {', '.join(may_be)}"
        else:
            text = may_be.removeprefix("integer ").removesuffix(" or None")
            whole = may_be.startswith("integer")
            fine = _holds(value, whole, text)
            words = _words(whole, text)
            if may_be.endswith("or None"):
                fine, words = fine or value is None, f"{words}, or None"
        if not fine:
            problems.append(
                f"{name} must be {words}. Received: {name}={value!r}. Leave it out for "
                "what is usual."
            )
    if problems:
        raise ConfigError("\n".join(problems))


def check_folds(settings: Any) -> None:
    """Refuse to hold out all.

    Args:
        settings: a dataclass whose int `folds` says that one in so many is held out.

    Raises:
        ConfigError: it is neither 0 (nothing is held out) nor at least 2.
    """
    check_ranges(settings, folds=">= 0")
    if settings.folds == 1:
        raise ConfigError(
            "folds must be 0 (hold nothing out) or at least 2. Received: folds=1. "
            f"{type(settings).folds} is usual."
        )
