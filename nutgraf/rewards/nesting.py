"""Rewards inside rewards: their parts stay visible, their updates move along.

A composed reward names its parts; a part that is composed itself has its own parts
logged as `part/inner`. So `reward/length/LengthBandPenalty` is in the log beside
`reward/length`, what `Clipped` has made of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from nutgraf.data.rows import Row
from nutgraf.rewards.calls import name_of, run
from nutgraf.rewards.protocol import ComposedReward, PerUpdateReward, Reward, Values

__all__ = ["Wrapped", "moved", "named_values", "parts_of", "total_of", "whole_call"]

W = TypeVar("W", bound="Wrapped")


def moved(reward: Reward, update: int) -> Reward:
    """Return a reward as it is in one update.

    Args:
        reward: any reward.
        update: number of updates done before.

    Returns:
        Itself, or what its `at_update` gives.
    """
    return reward.at_update(update) if isinstance(reward, PerUpdateReward) else reward


def whole_call(reward: Reward) -> bool:
    """Say whether a reward looks at all texts of a call, so that it must not be cut.

    Args:
        reward: any reward; it says so by an attribute `whole_call`.

    Returns:
        False for a reward that judges each text by itself.
    """
    return bool(getattr(reward, "whole_call", False))


def named_values(
    name: str,
    reward: Reward,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None,
) -> dict[str, Values]:
    """Judge texts by a part; return its values and, below its name, those of its parts.

    Args:
        name: of the part.
        reward: the part.
        prompts: n source texts.
        completions: n texts that the policy wrote.
        references: n lists of reference texts, possibly empty.
        rows: n rows they belong to, or None.

    Returns:
        `name` -> n values; `name/inner` -> n values for each of its own parts.

    Raises:
        RunError: the part raised, or returned what a reward may not return.
    """
    called = f"the reward {name!r}"
    values, parts = run(reward, called, prompts, completions, references, rows)
    return {name: values} | {f"{name}/{key}": part for key, part in parts.items()}


def parts_of(
    reward: Reward,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None,
) -> dict[str, Values]:
    """Return the parts of a reward; a reward without parts is its own part.

    Args:
        reward: any reward.
        prompts: n source texts.
        completions: n texts that the policy wrote.
        references: n lists of reference texts, possibly empty.
        rows: n rows they belong to, or None.

    Returns:
        name -> n values.

    Raises:
        RunError: the reward raised, or returned what a reward may not return.
    """
    name = name_of(reward)
    called = f"the reward {name}"
    values, parts = run(reward, called, prompts, completions, references, rows)
    return parts or {name: values}


def total_of(reward: Reward, components: Mapping[str, Values]) -> Values:
    """Make one reward of the parts that `parts_of` has returned.

    Args:
        reward: the same reward.
        components: name -> n values.

    Returns:
        n values.
    """
    if isinstance(reward, ComposedReward):
        return reward.total(components)
    return components[name_of(reward)]


@dataclass(frozen=True)
class Wrapped(ABC):
    """Base of rewards that change the values of one other; its parts stay visible.

    Attributes:
        reward: the other reward.
    """

    reward: Reward

    @property
    def whole_call(self) -> bool:
        """Whether the inner reward looks at all texts of a call."""
        return whole_call(self.reward)

    @abstractmethod
    def changed(self, values: Values) -> Values:
        """Change the values; each subclass says how.

        Args:
            values: n values of the inner reward.

        Returns:
            n values.
        """

    def at_update(self: W, update: int) -> W:
        """Return the same reward with the inner one of another update.

        Args:
            update: its number, >= 0.

        Returns:
            A copy.
        """
        return replace(self, reward=moved(self.reward, update))

    def components(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> dict[str, Values]:
        """See `nutgraf.rewards.base.ComposedReward`."""
        return parts_of(self.reward, prompts, completions, references, rows)

    def total(self, components: Mapping[str, Values]) -> Values:
        """See `nutgraf.rewards.base.ComposedReward`."""
        return self.changed(total_of(self.reward, components))

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return self.total(self.components(prompts, completions, references, rows))
