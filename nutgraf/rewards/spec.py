"""How a reward is written in a config or a flag: what it says, not what it means.

    part     = reward [ "=" weight ]
    reward   = name [ "(" argument { "," argument } ")" ]
    argument = option "=" value | reward | part

A name is anything without a comma or parentheses, so `my_reward.py:score` and
`learned:FOLDER` are names; others are written in quotes. Which arguments a name takes
is not said here, see `nutgraf.rewards.parse`.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from nutgraf.errors import ConfigError

__all__ = ["EXAMPLE", "Spec", "is_option", "read_options", "read_part", "read_spec"]

EXAMPLE = 'For example: "rouge1=1.0", "length(low=0.9)=0.2", "my_reward.py:score=1".'
"""What a message about a wrong part ends with."""

_OPTION = re.compile(r"\s*[A-Za-z_]\w*\s*=(?!=)")


class Spec(NamedTuple):
    """A reward as it is written.

    Attributes:
        name: what stands before the parentheses.
        arguments: what stands in them, between commas.
        text: all of it, for messages.
    """

    name: str
    arguments: tuple[str, ...]
    text: str


def is_option(argument: str) -> bool:
    """Tell an option from a reward.

    Args:
        argument: of a `Spec`.

    Returns:
        Whether it begins with a name and `=`.

    Example:
        >>> is_option("low = 0.5"), is_option("length(low=0.5)")
        (True, False)
    """
    return _OPTION.match(argument) is not None


def _pieces(text: str, whole: str) -> tuple[str, ...]:
    """Cut at the commas that are in no parentheses and no quotes."""
    found, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "([") - (letter in ")]")
        if letter == "," and not quote and depth == 0:
            found.append("")
        else:
            found[-1] += letter
        if depth < 0:
            break
    if depth or quote:
        raise ConfigError(
            "Parentheses and quotes of a reward must be closed. Received: "
            f"{whole!r}. {EXAMPLE}"
        )
    pieces = [piece.strip() for piece in found]
    return tuple(pieces if pieces[-1] else pieces[:-1])  # a comma at the end is fine


def read_spec(text: str) -> Spec:
    """Read a reward without a weight.

    Args:
        text: such as `clipped(length(low=0.9), low=-0.5)`.

    Returns:
        Its parts; arguments are not read further.

    Raises:
        ConfigError: parentheses or quotes are not closed.

    Example:
        >>> read_spec("clipped(length(low=0.9), low=-0.5)")[:2]
        ('clipped', ('length(low=0.9)', 'low=-0.5'))
        >>> read_spec("'my (1).py:score'").name
        'my (1).py:score'
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return Spec(text[1:-1], (), text)
    if not text.endswith(")"):
        return Spec(text, (), text)
    name, _, inside = text[:-1].partition("(")
    return Spec(name.strip(), _pieces(inside, text), text)


def read_part(part: str) -> tuple[Spec, float]:
    """Read a reward with its weight.

    Args:
        part: such as `length(low=0.9)=0.2`.

    Returns:
        The reward; the weight, 1 where none is given.

    Raises:
        ConfigError: the weight is no number >= 0, or parentheses are not closed.

    Example:
        >>> spec, weight = read_part("length(low=0.9)=0.2")
        >>> spec.name, weight
        ('length', 0.2)
    """
    # The last = belongs to the weight unless it is inside the parentheses.
    head, equals, tail = part.rpartition("=")
    if not equals or tail.rstrip().endswith(")"):
        head, tail = part, "1"
    try:
        weight = float(tail)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise ConfigError(
            f"The weight of a reward must be a number >= 0. Received: {part!r}. "
            f"Penalties are negative already. {EXAMPLE}"
        )
    return read_spec(head), weight


def _value(node: ast.expr, text: str) -> Any:
    """Return the value of an option: a number, true or false, a tuple, or a word."""
    if isinstance(node, ast.Name):
        return {"true": True, "false": False}.get(node.id.lower(), node.id)
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise ConfigError(
            "The value of an option must be a number, true or false, a word, or "
            f"several in parentheses. Received: {text!r}. {EXAMPLE}"
        ) from error


def read_options(arguments: Sequence[str], text: str) -> dict[str, Any]:
    """Read the arguments that are options.

    Args:
        arguments: of a `Spec`.
        text: the reward that they belong to, for messages.

    Returns:
        Name -> number, truth value, text, or tuple of these.

    Raises:
        ConfigError: one is not name=value, or has another value.

    Example:
        >>> read_options(["low=0.9", "words=cjk", "sizes=(2, 3)"], "...")
        {'low': 0.9, 'words': 'cjk', 'sizes': (2, 3)}
    """
    try:
        call = ast.parse(f"f({', '.join(arguments)})", mode="eval").body
    except SyntaxError:
        call = None
    given = call.keywords if isinstance(call, ast.Call) and not call.args else []
    found = {one.arg: _value(one.value, text) for one in given if one.arg}
    if len(found) < len(arguments):
        raise ConfigError(
            "Options of a reward must be name=value, with commas between, each once. "
            f"Received: {text!r}. {EXAMPLE}"
        )
    return found
