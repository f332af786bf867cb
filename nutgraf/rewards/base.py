"""Run a reward on texts: checked values, visible parts, and errors that name the text.

What a reward is, is said in `nutgraf.rewards.protocol`. A reward that raises stops the
run with the row and the text it failed on, or that sample is left out when the caller
asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.calls import RewardFailed, checked, name_of, run
from nutgraf.rewards.protocol import ComposedReward, PerUpdateReward, Reward, Values

__all__ = ["ComposedReward", "OnError", "PerUpdateReward", "Reward", "RewardFailed"]
__all__ += ["Scores", "Values", "checked", "combine", "judge", "score_completions"]

OnError = Literal["stop", "skip"]
"""What happens to a sample whose reward raises: the run stops, or it gets None."""


class Scores(NamedTuple):
    """The outcome of `judge` for n texts.

    Attributes:
        values: n rewards; None where the reward does not apply, or has failed.
        components: name -> n values for a reward made of parts (else empty).
        failures: message for each text on which the reward raised, by its number.
    """

    values: Values
    components: dict[str, Values]
    failures: dict[int, str]


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


def judge(
    reward: Reward,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None = None,
    *,
    update: int = 0,
    on_error: OnError = "stop",
) -> Scores:
    """Run a reward on texts, and stop at or leave out those on which it raises.

    To leave texts out, each is tried alone, then the others are judged together: a
    reward that looks at the whole call sees those that count.

    Args:
        reward: any `Reward`.
        prompts: n source texts.
        completions: n texts that the policy wrote.
        references: n lists of reference texts, possibly empty.
        rows: n rows they belong to, or None.
        update: number of the update the texts are for; see `PerUpdateReward`.
        on_error: "stop", or "skip": a text on which the reward raises gets None.

    Returns:
        Values, their parts, and a message for each text that was skipped.

    Raises:
        RewardFailed: the reward raised; with "skip", on each of the texts.
        RunError: it did not return one finite number or None per text.
        ConfigError: `on_error` is neither of the two.

    Example:
        >>> def inverse(prompts, completions, references, rows=None):
        ...     return [1 / len(text) for text in completions]
        >>> texts = (["p", "p"], ["", "ab"], [[], []])
        >>> scores = judge(inverse, *texts, on_error="skip")
        >>> scores.values, list(scores.failures)
        ([None, 0.5], [0])
    """
    if on_error not in get_args(OnError):
        raise ConfigError(
            f'on_error must be "stop" or "skip". Received: {on_error!r}. Leave it out '
            'for "stop".'
        )
    if isinstance(reward, PerUpdateReward):
        reward = reward.at_update(update)
    name = f"the reward {name_of(reward)}"
    try:
        found = run(reward, name, prompts, completions, references, rows)
        return Scores(*found, {})
    except RewardFailed:
        if on_error == "stop":
            raise

    def chosen(numbers: list[int]) -> tuple[Values, dict[str, Values]]:
        return run(
            reward,
            name,
            [prompts[number] for number in numbers],
            [completions[number] for number in numbers],
            [references[number] for number in numbers],
            None if rows is None else [rows[number] for number in numbers],
        )

    failures: dict[int, str] = {}
    for number in range(len(completions)):
        try:
            chosen([number])
        except RewardFailed as error:
            failures[number] = str(error)
            if len(failures) == len(completions):
                raise  # nothing is left
    kept = [number for number in range(len(completions)) if number not in failures]
    return _spread(Scores(*chosen(kept), failures), kept, len(completions))


def _spread(scores: Scores, kept: list[int], count: int) -> Scores:
    """Put the values of the kept texts in their places, None in the others."""

    def placed(known: Values) -> Values:
        back: Values = [None] * count
        for number, value in zip(kept, known, strict=True):
            back[number] = value
        return back

    components = {part: placed(values) for part, values in scores.components.items()}
    return Scores(placed(scores.values), components, scores.failures)


def score_completions(
    reward: Reward,
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None = None,
    *,
    update: int = 0,
) -> tuple[Values, dict[str, Values]]:
    """Run a reward on texts and check what it returns; stop where it raises.

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
        RewardFailed: the reward raised; the message names row and text.
        RunError: it did not return one finite number or None per text.

    Example:
        >>> def shortness(prompts, completions, references, rows=None):
        ...     return [-len(text) for text in completions]
        >>> score_completions(shortness, ["p", "p"], ["", "ab"], [[], []])
        ([0.0, -2.0], {})
    """
    scores = judge(reward, prompts, completions, references, rows, update=update)
    return scores.values, scores.components
