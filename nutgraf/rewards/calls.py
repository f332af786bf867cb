"""One call of a reward: its values checked, its exceptions with row and text.

NaN and infinity are refused always: they are mistakes of the reward, and one of them
would spoil the whole update.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.errors import NutgrafError, RunError
from nutgraf.rewards.protocol import ComposedReward, Reward, Values

__all__ = ["RewardFailed", "checked", "described", "failed", "first_failure"]
__all__ += ["name_of", "run"]

# Characters of a text that an error message shows.
_SHOWN = 60


class RewardFailed(RunError):
    """A reward raised an exception; the message names row and text.

    Attributes:
        number: of the text in the call; None when each text alone is fine.
    """

    number: int | None = None


def name_of(reward: Reward) -> str:
    """Return what a reward is called in messages and logs.

    Args:
        reward: any reward.

    Returns:
        The name of the function or class.

    Example:
        >>> name_of(len)
        'len'
    """
    return str(getattr(reward, "__name__", type(reward).__name__))


def _place(number: int, completions: Sequence[str], rows: Sequence[Row] | None) -> str:
    """Name a sample in a message."""
    text = completions[number]
    shown = repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
    if rows is not None:
        origin = f" ({rows[number].origin})" if rows[number].origin else ""
        return f"row {rows[number].id!r}{origin}, text {shown}"
    sample = f"sample {number}, " if len(completions) > 1 else ""
    return f"{sample}text {shown}"


def checked(
    values: Sequence[Any],
    completions: Sequence[str],
    rows: Sequence[Row] | None = None,
    name: str = "the reward",
) -> Values:
    """Refuse what a reward may not return; make the rest plain floats.

    Args:
        values: what a reward returned: n numbers (of any kind) or None.
        completions: the n texts it was given.
        rows: their rows, or None; named in messages.
        name: what to call the reward in messages.

    Returns:
        n floats or None.

    Raises:
        RunError: there is not one value per text, or one is NaN, infinite or no number.

    Example:
        >>> checked([1, None], ["a", "b"])
        [1.0, None]
    """
    count = len(values) if hasattr(values, "__len__") else None
    if count != len(completions):
        received = type(values).__name__ if count is None else f"{count} values"
        raise RunError(
            f"{name} must return one value per text. Received: {received} "
            f"for {len(completions)} texts. Return None for a text it does not apply "
            "to."
        )
    found: Values = []
    for number, value in enumerate(values):
        try:
            plain = None if value is None else float(value)
        except (TypeError, ValueError):
            plain = math.nan
        if plain is not None and not math.isfinite(plain):
            raise RunError(
                f"{name} must return finite numbers or None. Received: {value!r} for "
                f"{_place(number, completions, rows)}. Return None where it "
                "does not apply."
            )
        found.append(plain)
    return found


def described(error: Exception) -> str:
    """Return an exception in one line: its kind, its message, where it was raised.

    Args:
        error: the exception.

    Returns:
        The line, without a full stop.

    Example:
        >>> described(ValueError("no words"))
        'ValueError: no words'
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}".rstrip(": ") + where


def failed(
    name: str,
    reason: str,
    number: int,
    completions: Sequence[str],
    rows: Sequence[Row] | None,
) -> RewardFailed:
    """Return the error for a text on which a reward raised.

    Args:
        name: what to call the reward.
        reason: of `described`.
        number: of the text.
        completions: n texts.
        rows: their rows, or None.

    Returns:
        The error, to be raised.
    """
    error = RewardFailed(
        f"{name} must not raise. Received: {reason} for "
        f"{_place(number, completions, rows)}. Return None for a text that it does not "
        "apply to; --debug shows where it was raised."
    )
    error.number = number
    return error


def first_failure(
    reward: Reward,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None,
) -> tuple[int, Exception] | None:
    """Find the first text on which a reward raises, by giving it one after another.

    Args:
        reward: the reward.
        prompts: n source texts.
        completions: n texts that the policy wrote.
        references: n lists of reference texts.
        rows: n rows, or None.

    Returns:
        Number of the text and the exception; None when each text alone is fine.
    """
    for number in range(len(completions)):
        one = slice(number, number + 1)
        row = None if rows is None else rows[one]
        try:
            reward(prompts[one], completions[one], references[one], row)
        except Exception as error:
            return number, error
    return None


def run(
    reward: Reward,
    name: str,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None,
) -> tuple[Values, dict[str, Values]]:
    """Call a reward once, check what it returns, and name the text when it raises.

    Args:
        reward: any `Reward`.
        name: what to call it in messages.
        prompts: n source texts.
        completions: n texts that the policy wrote.
        references: n lists of reference texts, possibly empty.
        rows: n rows they belong to, or None.

    Returns:
        n values, and name -> n values for a reward made of parts (else empty).

    Raises:
        RewardFailed: the reward raised an exception that is none of nutgraf's.
        RunError: it did not return one finite number or None per text.
    """
    parts: dict[str, Values] = {}
    try:
        if isinstance(reward, ComposedReward):
            parts = reward.components(prompts, completions, references, rows)
            values = reward.total(parts)
        else:
            values = reward(prompts, completions, references, rows)
    except NutgrafError:
        raise  # says already what to do
    except Exception as error:
        found = first_failure(reward, prompts, completions, references, rows)
        if found is None:
            raise RewardFailed(
                f"{name} must not raise. Received: {described(error)} for a call with "
                f"{len(completions)} texts, though it takes each of them alone. "
                "--debug shows where it was raised."
            ) from error
        number, first = found
        reason = described(first)
        raise failed(name, reason, number, completions, rows) from first
    return checked(values, completions, rows, name), parts
