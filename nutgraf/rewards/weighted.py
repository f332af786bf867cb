"""Several rewards as one: a weighted sum whose parts stay visible."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Reward, Values, combine
from nutgraf.rewards.nesting import moved, named_values, whole_call

__all__ = ["WeightedSum"]


@dataclass(frozen=True)
class WeightedSum:
    """Sum of weight * reward over named parts.

    None where any part is None: a sample is either judged in full or not at all.

    Range: that of the parts, weighted. With ROUGE at 1 and two penalties at 0.5 it is
    [-1, 1].

    Attributes:
        parts: name -> (reward, weight >= 0). Penalties are negative already, so a
            negative weight would pay for what should be punished. A part of weight 0
            is computed and logged only.

    Raises:
        ConfigError: there are no parts, or a weight is negative, or all are 0.

    Example:
        >>> from nutgraf.rewards.length import LengthBandPenalty
        >>> from nutgraf.rewards.repetition import RepetitionPenalty
        >>> reward = WeightedSum(
        ...     {"length": (LengthBandPenalty(1, 9), 1.0),
        ...      "repetition": (RepetitionPenalty(), 2.0)}
        ... )
        >>> reward([""], ["the model is the model"], [[]])
        [-0.5]
        >>> reward.components([""], ["the model is the model"], [[]])
        {'length': [0.0], 'repetition': [-0.25]}
    """

    parts: Mapping[str, tuple[Reward, float]]

    def __post_init__(self) -> None:
        """Check the weights."""
        weights = {name: weight for name, (_, weight) in self.parts.items()}
        fine = all(math.isfinite(w) and w >= 0 for w in weights.values())
        if not fine or not any(weights.values()):
            raise ConfigError(
                "Weights of rewards must be numbers >= 0, one of them > 0. Received: "
                f"{weights}. Penalties are negative already: give them positive "
                "weights."
            )

    def at_update(self, update: int) -> WeightedSum:
        """Return the same sum for another update, see `RandomReward`.

        Args:
            update: its number, >= 0.

        Returns:
            A copy, in which each part is that of the update.
        """
        parts = {
            name: (moved(part, update), weight)
            for name, (part, weight) in self.parts.items()
        }
        return dataclasses.replace(self, parts=parts)

    @property
    def whole_call(self) -> bool:
        """Whether a part looks at all texts of a call."""
        return any(whole_call(part) for part, _ in self.parts.values())

    def components(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> dict[str, Values]:
        """Return the value of each part, before weighting.

        Args:
            prompts: n source texts.
            completions: n texts that the policy wrote.
            references: n lists of reference texts, possibly empty.
            rows: n rows they belong to, or None.

        Returns:
            name -> n values; `name/inner` -> n values for the parts of a part.

        Raises:
            RunError: a part raised, or returned what a reward may not return.
        """
        given = (prompts, completions, references, rows)
        found: dict[str, Values] = {}
        for name, (part, _) in self.parts.items():
            found |= named_values(name, part, *given)
        return found

    def total(self, components: Mapping[str, Values]) -> Values:
        """Return the weighted sum of components.

        Args:
            components: name -> n values, of `components`.

        Returns:
            n values.
        """
        weights = {name: weight for name, (_, weight) in self.parts.items()}
        own = {name: values for name, values in components.items() if name in weights}
        return combine(own, weights)

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return self.total(self.components(prompts, completions, references, rows))
