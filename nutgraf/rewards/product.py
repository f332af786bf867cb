"""Several rewards as one, all of which must be good: a product of qualities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.base import Reward, Values
from nutgraf.rewards.nesting import moved, named_values, whole_call

__all__ = ["Product"]


@dataclass(frozen=True)
class Product:
    """Product of qualities, and of 1 + penalty for each penalty.

    In a sum a text can make up for a bad part by a good one; here one part of 0 makes
    all 0. Penalties in [-1, 0] enter as the factor 1 + penalty: multiplied as they are,
    two of them would make a reward. None where any part is None.

    Range: [0, 1] for parts in their usual ranges.

    Attributes:
        qualities: name -> reward with values >= 0.
        penalties: name -> reward with values in [-1, 0].

    Raises:
        ConfigError: there is no quality, or a name is in both.

    Example:
        >>> from nutgraf.rewards.ending import MissingEndPenalty
        >>> from nutgraf.rewards.rouge import RougeReward
        >>> reward = Product({"rouge": RougeReward()}, {"end": MissingEndPenalty()})
        >>> reward([""] * 2, ["It rained.", "It rained"], [["It rained."]] * 2)
        [1.0, 0.0]
    """

    qualities: Mapping[str, Reward]
    penalties: Mapping[str, Reward] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the names."""
        twice = sorted(self.qualities.keys() & self.penalties.keys())
        if not self.qualities or twice:
            raise ConfigError(
                "A product must have at least one quality, and each name once. "
                f"Received: qualities {sorted(self.qualities)}, penalties "
                f"{sorted(self.penalties)}. Rename {twice or 'or add one'}."
            )

    @property
    def whole_call(self) -> bool:
        """Whether a part looks at all texts of a call."""
        return any(
            map(whole_call, [*self.qualities.values(), *self.penalties.values()])
        )

    def at_update(self, update: int) -> Product:
        """Return the same product for another update, see `WeightedSum`.

        Args:
            update: its number, >= 0.

        Returns:
            A copy, in which each part is that of the update.
        """
        return replace(
            self,
            qualities={n: moved(part, update) for n, part in self.qualities.items()},
            penalties={n: moved(part, update) for n, part in self.penalties.items()},
        )

    def components(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> dict[str, Values]:
        """See `nutgraf.rewards.base.ComposedReward`."""
        given = (prompts, completions, references, rows)
        found: dict[str, Values] = {}
        for name, part in [*self.qualities.items(), *self.penalties.items()]:
            found |= named_values(name, part, *given)
        return found

    def total(self, components: Mapping[str, Values]) -> Values:
        """Return the product of components.

        Args:
            components: name -> n values, of `components`.

        Returns:
            n values.

        Raises:
            RunError: a quality is negative, or a penalty outside [-1, 0].
        """
        factors = [_qualities(name, components[name]) for name in self.qualities]
        factors += [_penalties(name, components[name]) for name in self.penalties]
        totals: Values = []
        for values in zip(*factors, strict=True):
            known = [value for value in values if value is not None]
            totals.append(math.prod(known) if len(known) == len(values) else None)
        return totals

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return self.total(self.components(prompts, completions, references, rows))


def _qualities(name: str, values: Values) -> Values:
    for value in values:
        if value is not None and value < 0:
            raise RunError(
                "A quality of a product must be >= 0. Received: "
                f"{value} from {name!r}. Clip it, or list it among the penalties."
            )
    return values


def _penalties(name: str, values: Values) -> Values:
    for value in values:
        if value is not None and not -1 <= value <= 0:
            raise RunError(
                "A penalty of a product must be in [-1, 0]. Received: "
                f"{value} from {name!r}. Clip it, or list it among the qualities."
            )
    return [None if value is None else 1.0 + value for value in values]
