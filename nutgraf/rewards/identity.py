"""A name of a reward that holds all that can be named of it.

A run goes on with the reward it was started with; its checkpoint keeps this name. Two
functions of one name, or objects of one class that is no dataclass, look alike.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from nutgraf.rewards.pool import PooledReward

__all__ = ["identity_of"]


def identity_of(reward: Any) -> str:
    """Return a name of a reward, the same in each process.

    Args:
        reward: any reward; of parts and options, anything.

    Returns:
        Classes with their fields, functions by name, plain values as they are.

    Example:
        >>> from nutgraf.rewards.length import LengthBandPenalty
        >>> identity_of(LengthBandPenalty(5, 30))
        "LengthBandPenalty(low=5, high=30, words='english')"
    """
    if isinstance(reward, PooledReward):  # other processes give the same rewards
        return identity_of(reward.reward)
    if isinstance(reward, str | int | float | None):
        return repr(reward)
    if isinstance(reward, functools.partial):
        return f"{identity_of(reward.func)}({_listed(reward.args, reward.keywords)})"
    if isinstance(reward, Mapping):
        return f"{{{_listed((), reward)}}}"
    if isinstance(reward, list | tuple):
        return f"({_listed(reward, {})})"
    if dataclasses.is_dataclass(reward) and not isinstance(reward, type):
        fields = {
            field.name: getattr(reward, field.name)
            for field in dataclasses.fields(reward)
            if field.repr
        }
        return f"{type(reward).__name__}({_listed((), fields)})"
    return str(getattr(reward, "__qualname__", type(reward).__name__))


def _listed(values: Any, named: Mapping[Any, Any]) -> str:
    """Values, then named values, with commas between."""
    parts = [identity_of(value) for value in values]
    parts += [f"{name}={identity_of(value)}" for name, value in named.items()]
    return ", ".join(parts)
