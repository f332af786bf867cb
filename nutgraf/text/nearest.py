"""The name that was probably meant, for messages about unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant.

    Args:
        name: what was given.
        names: what is allowed.

    Returns:
        A sentence; it lists all names when none is near.

    Example:
        >>> nearest("rogue1", ["rouge1", "length"])
        'Did you mean `rouge1`?'
        >>> nearest("x", ["rouge1", "length"])
        'Known are: rouge1, length.'
    """
    choices = list(names)
    close = difflib.get_close_matches(name, choices, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return "Known are: " + ", ".join(choices) + "."
