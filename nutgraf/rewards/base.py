"""What a reward is, how parts become one number, and the check of what comes back.

A reward is any callable on texts; a function will do. It must be picklable (a function
or dataclass at module level) so that it can run in other processes. Rewards here are
plain numbers, about 1 wide: qualities in [0, 1], penalties in [-1, 0]; larger is
better for both, so weights are never negative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError

__all__ = ["ComposedReward", "PerUpdateReward", "Reward", "Values"]
__all__ += ["checked", "combine", "score_completions"]

Values = list[float | None]

# Characters of a text that an error message shows.
_SHOWN = 60


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


def _place(number: int, completion: str, rows: Sequence[Row] | None) -> str:
    """Name a sample in a message."""
    row = f"sample {number}"
    if rows is not None:
        origin = f" ({rows[number].origin})" if rows[number].origin else ""
        row = f"row {rows[number].id!r}{origin}"
    text = completion if len(completion) <= _SHOWN else completion[:_SHOWN] + "…"
    return f"{row}, text {text!r}"


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
        RunError: the count is wrong, or a value is NaN, infinite or no number.

    Example:
        >>> checked([1, None], ["a", "b"])
        [1.0, None]
    """
    if len(values) != len(completions):
        raise RunError(
            f"{name} must return one value per text. Received: {len(values)} values "
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
                f"{_place(number, completions[number], rows)}. Return None where it "
                "does not apply."
            )
        found.append(plain)
    return found


def combine(parts: Mapping[str, Values], weights: Mapping[str, float]) -> Values:
    """Return the weighted sum of parts; None where any part is None.

    Args:
        parts: name -> n values.
        weights: name -> weight, the same names.

    Returns:
        n values.

    Raises:
        ConfigError: the names differ.

    Example:
        >>> parts = {"rouge": [0.5, 0.5], "length": [-0.2, None]}
        >>> combine(parts, {"rouge": 1.0, "length": 0.5})
        [0.4, None]
    """
    if parts.keys() != weights.keys():
        raise ConfigError(
            "parts and weights must have the same names. Received: "
            f"{sorted(parts)} and {sorted(weights)}. Give each part one weight."
        )
    factors = [weights[name] for name in parts]
    totals: Values = []
    for values in zip(*parts.values(), strict=True):
        pairs = zip(factors, values, strict=True)
        known = [weight * value for weight, value in pairs if value is not None]
        totals.append(sum(known) if len(known) == len(values) else None)
    return totals


def score_completions(
    reward: Reward,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None = None,
    *,
    update: int = 0,
) -> tuple[Values, dict[str, Values]]:
    """Run a reward on texts and check what it returns.

    Args:
        reward: any `Reward`.
        prompts: n source texts.
        completions: n texts that the policy wrote.
        references: n lists of reference texts, possibly empty.
        rows: n rows they belong to, or None.
        update: number of the update the texts are for; see `PerUpdateReward`.

    Returns:
        n values, and name -> n values for a reward made of parts (else empty).

    Raises:
        RunError: the reward returned the wrong number of values, or one that is NaN,
            infinite or no number.

    Example:
        >>> def shortness(prompts, completions, references, rows=None):
        ...     return [-len(text) for text in completions]
        >>> score_completions(shortness, ["p", "p"], ["", "ab"], [[], []])
        ([0.0, -2.0], {})
    """
    if isinstance(reward, PerUpdateReward):
        reward = reward.at_update(update)
    name = f"the reward {getattr(reward, '__name__', type(reward).__name__)}"
    if isinstance(reward, ComposedReward):
        parts = reward.components(prompts, completions, references, rows)
        return checked(reward.total(parts), completions, rows, name), parts
    values = reward(prompts, completions, references, rows)
    return checked(values, completions, rows, name), {}
