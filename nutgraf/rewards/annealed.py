"""A reward whose weight changes during training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Values
from nutgraf.rewards.nesting import Wrapped, moved

__all__ = ["Annealed"]


@dataclass(frozen=True)
class Annealed(Wrapped):
    """The reward times a weight that moves linearly from one number to another.

    weight = start + (end - start) * min(1, update / updates). It is a function of the
    number of the update alone, so a resumed run gets the same numbers. In a
    `WeightedSum` it multiplies with the weight there.

    Range: that of the reward, times the weight.

    Attributes:
        reward: the reward.
        start: >= 0, weight in update 0.
        end: >= 0, weight from update `updates` on.
        updates: >= 1, length of the way in updates.
        update: the update the values are for; `score_completions` sets it.

    Raises:
        ConfigError: a weight is negative, or `updates` less than 1.

    Example:
        >>> from nutgraf.rewards.length import LengthBandPenalty
        >>> reward = Annealed(LengthBandPenalty(4, 9), start=0.0, end=1.0, updates=10)
        >>> [reward.at_update(n)([""], [""], [[]])[0] for n in (0, 5, 10, 20)]
        [0.0, -0.5, -1.0, -1.0]
    """

    start: float = 0.0
    end: float = 1.0
    updates: int = 100
    update: int = 0

    def __post_init__(self) -> None:
        """Check weights and length."""
        fine = all(math.isfinite(w) and w >= 0 for w in (self.start, self.end))
        if not fine or self.updates < 1:
            raise ConfigError(
                "start and end must be weights >= 0, updates at least 1. Received: "
                f"start={self.start}, end={self.end}, updates={self.updates}. "
                "Penalties are negative already: give them positive weights."
            )

    @property
    def weight(self) -> float:
        """The weight in this update."""
        done = min(1.0, self.update / self.updates)
        return self.start + (self.end - self.start) * done

    def at_update(self, update: int) -> Annealed:
        """Return the same reward with the weight of another update.

        Args:
            update: its number, >= 0.

        Returns:
            A copy.
        """
        return replace(self, reward=moved(self.reward, update), update=update)

    def changed(self, values: Values) -> Values:
        """See `Wrapped.changed`."""
        # + 0.0, because 0 times a penalty is -0.0.
        weight = self.weight
        return [None if value is None else weight * value + 0.0 for value in values]
