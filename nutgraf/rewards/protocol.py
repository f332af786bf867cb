"""What a reward is.

A reward is any callable on texts; a function will do. It must be picklable (a function
or dataclass at module level) so that it can run in other processes. Rewards here are
plain numbers, about 1 wide: qualities in [0, 1], penalties in [-1, 0]; larger is
better for both, so weights are never negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from nutgraf.data.rows import Row

__all__ = ["ComposedReward", "PerUpdateReward", "Reward", "Values"]

Values = list[float | None]


class Reward(Protocol):
    """A judge of texts."""

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """Judge n completions.

        Args:
            prompts: n source texts.
            completions: n texts that the policy wrote.
            references: n lists of reference texts, possibly empty.
            rows: n rows they belong to, or None.

        Returns:
            n finite numbers; None where the reward does not apply, and the sample is
            then left out of the update.
        """
        ...


@runtime_checkable
class ComposedReward(Protocol):
    """A reward made of named parts, which are worth logging one by one."""

    def components(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> dict[str, Values]:
        """Judge n completions part by part.

        Args:
            prompts: n source texts.
            completions: n texts that the policy wrote.
            references: n lists of reference texts, possibly empty.
            rows: n rows they belong to, or None.

        Returns:
            n values of each part, by its name, before weighting.
        """
        ...

    def total(self, components: Mapping[str, Values]) -> Values:
        """Make one reward of the parts.

        Args:
            components: of `components`.

        Returns:
            n rewards; None where the reward does not apply.
        """
        ...


@runtime_checkable
class PerUpdateReward(Protocol):
    """A reward that depends on the update it is computed for."""

    def at_update(self, update: int) -> Reward:
        """Return this reward as it is in one update.

        Args:
            update: number of updates done before.

        Returns:
            The reward.
        """
        ...
