"""Ranges of settings: declared in one place, all mistakes told at once."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

from nutgraf.errors import ConfigError

__all__ = ["check_folds", "check_ranges"]


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
        allowed = f"{'an integer' if whole else 'a number'} "
        allowed += text if text.startswith(">") else f"in {text}"
        problems.append(
            f"{field.name} must be {allowed}. Received: {field.name}={value!r}. Leave "
            f"it out for {field.default}."
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
