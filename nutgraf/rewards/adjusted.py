"""One reward with its values changed: cut off, clipped, standardised.

What was there before stays visible in the log, see `nutgraf.rewards.nesting`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, pstdev

from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Values
from nutgraf.rewards.nesting import Wrapped

__all__ = ["Clipped", "Normalized", "Threshold"]


@dataclass(frozen=True)
class Threshold(Wrapped):
    """1 where the reward is at least a value, else 0; None stays None.

    Range: 0 or 1.

    Attributes:
        reward: the reward.
        at: the value.

    Raises:
        ConfigError: the value is not finite.

    Example:
        >>> from nutgraf.rewards.length import LengthBandPenalty
        >>> reward = Threshold(LengthBandPenalty(2, 3), at=0.0)
        >>> reward([""] * 2, ["a b", "a"], [[]] * 2)
        [1.0, 0.0]
        >>> reward.components([""], ["a b"], [[]])
        {'LengthBandPenalty': [0.0]}
    """

    at: float = 0.5

    def __post_init__(self) -> None:
        """Check the value."""
        if not math.isfinite(self.at):
            raise ConfigError(
                f"at must be a finite number. Received: at={self.at}. Choose a value "
                "in the range of the reward."
            )

    def changed(self, values: Values) -> Values:
        """See `Wrapped.changed`."""
        return [None if v is None else float(v >= self.at) for v in values]


@dataclass(frozen=True)
class Clipped(Wrapped):
    """The reward, with what is outside of a range moved to its ends.

    Range: [low, high].

    Attributes:
        reward: the reward.
        low: the smallest value.
        high: the largest value, not below `low`.

    Raises:
        ConfigError: `low` is above `high`.

    Example:
        >>> def length(prompts, completions, references, rows=None):
        ...     return [len(text) for text in completions]
        >>> Clipped(length, 0.0, 2.0)([""] * 2, ["a", "abc"], [[]] * 2)
        [1.0, 2.0]
    """

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        """Check the range."""
        if not self.low <= self.high:
            raise ConfigError(
                f"low must not be above high. Received: low={self.low}, "
                f"high={self.high}. Swap them."
            )

    def changed(self, values: Values) -> Values:
        """See `Wrapped.changed`."""
        return [
            None if value is None else min(max(value, self.low), self.high)
            for value in values
        ]


@dataclass(frozen=True)
class Normalized(Wrapped):
    """The reward with mean 0 and standard deviation 1 over the texts of a call.

    (v - mean) / standard deviation, over the values of the call that are not None; all
    0 where they hardly differ (less than `least`). It brings rewards of unknown scale,
    such as a learned one, to the scale of the others in a sum.

    A call is one rollout: all samples of all prompts of an update. A running mean would
    be a state that is saved and restored, and would change what the same text is worth
    during a run; this depends on nothing but the call, so a resumed run gets the same
    numbers. It is not per group either: groups whose samples hardly differ would count
    as much as those with clear winners, and group methods take the mean of each group
    away by themselves. A call with one text gives 0, so it is of no use in an
    environment that scores one episode at a time.

    Range: about [-3, 3]; None stays None.

    Attributes:
        reward: the reward.
        least: > 0, standard deviation below which all values become 0.

    Raises:
        ConfigError: `least` is not above 0.

    Example:
        >>> def length(prompts, completions, references, rows=None):
        ...     return [len(text) for text in completions]
        >>> found = Normalized(length)([""] * 3, ["a", "abc", "abc"], [[]] * 3)
        >>> [round(value, 3) for value in found]
        [-1.414, 0.707, 0.707]
    """

    least: float = 1e-6

    def __post_init__(self) -> None:
        """Check the smallest deviation."""
        if not self.least > 0:
            raise ConfigError(
                f"least must be > 0. Received: least={self.least}. Leave it out for "
                "1e-6."
            )

    @property
    def whole_call(self) -> bool:
        """True: the mean is that of the call."""
        return True

    def changed(self, values: Values) -> Values:
        """See `Wrapped.changed`."""
        known = [value for value in values if value is not None]
        spread = pstdev(known) if known else 0.0
        if spread < self.least:
            return [None if value is None else 0.0 for value in values]
        mean = fmean(known)
        return [None if value is None else (value - mean) / spread for value in values]
