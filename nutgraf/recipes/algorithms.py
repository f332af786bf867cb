"""The algorithms by name, and their options as a user types them.

The signature of a recipe is the declaration of its options: `clip_range=0.1` is checked
against it by name and by type.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Reward
from nutgraf.rl.settings import RLSettings

__all__ = ["ALGORITHMS", "make_recipe", "options_of", "read_options"]

ALGORITHMS: dict[str, tuple[str, str, str]] = {
    "grpo": ("grpo", "GRPO", "the group is the baseline; clipped ratios"),
    "dr-grpo": ("grpo", "GRPO", "grpo without its biases to short and easy"),
    "dapo": ("grpo", "GRPO", "grpo that clips higher and replaces idle prompts"),
    "gspo": ("grpo", "GRPO", "grpo with one ratio for the whole text"),
    "cispo": ("grpo", "GRPO", "grpo that weighs tokens instead of clipping them"),
    "rloo": ("rloo", "RLOO", "the other samples are the baseline"),
    "self-critical": ("self_critical", "SelfCritical", "the greedy text is it"),
    "reinforce": ("reinforce", "Reinforce", "earlier rewards are it, or a critic"),
    "minimum-risk": ("minimum_risk", "MinimumRisk", "lowers the expected risk"),
    "a2c": ("a2c", "A2C", "a critic is the baseline, token by token"),
    "ppo": ("ppo", "PPO", "a2c with clipped ratios and a price on the KL"),
    "nlpo": ("nlpo", "NLPO", "ppo among the likely words only"),
    "dpo": ("dpo", "DPO", "prefers its best sample to its worst"),
    "ipo": ("dpo", "DPO", "dpo with a target for the margin"),
    "rejection": ("rejection", "Rejection", "learns its best samples by heart"),
    "supervised": ("continued", "ContinuedSupervised", "control: the references"),
}
"""Name -> module, class, what it does in a few words."""


def _preset(name: str) -> dict[str, Any]:
    """The options that make a recipe the algorithm of that name."""
    if name == "ipo":
        return {"loss": "ipo"}
    if ALGORITHMS[name][1] == "GRPO":
        from nutgraf.recipes.grpo import VARIANTS

        return VARIANTS[name]
    return {}


def _class_of(name: str) -> type:
    if name not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise ConfigError(
            f"algorithm must be one of {known}. Received: {name!r}. Leave it out for "
            "grpo."
        )
    module, cls, _ = ALGORITHMS[name]
    found: type = getattr(importlib.import_module(f"nutgraf.recipes.{module}"), cls)
    return found


def options_of(name: str) -> dict[str, tuple[Any, Any]]:
    """List an algorithm's own options.

    Args:
        name: of the algorithm.

    Returns:
        Option -> its type and its default.

    Raises:
        ConfigError: the algorithm is unknown.

    Example:
        >>> options_of("minimum-risk")
        {'sharpness': (<class 'float'>, 0.05)}
    """
    start = _class_of(name).__init__  # type: ignore[misc]
    kinds = get_type_hints(start)
    preset = _preset(name)
    return {
        option: (kinds[option], preset.get(option, parameter.default))
        for option, parameter in inspect.signature(start).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and option != "folder"
    }


def _words(kind: Any) -> str:
    """Say what a type allows."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if get_origin(kind) in (Union, type(int | None)):
        return " or ".join(_words(arm) for arm in get_args(kind))
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(kind, "none")


def _read(text: str, kind: Any) -> Any:
    """Read text as a type; ValueError when it is none of it."""
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueError(text)
        return text
    if get_origin(kind) in (Union, type(int | None)):
        for arm in get_args(kind):
            try:
                return _read(text, arm)
            except ValueError:
                continue
        raise ValueError(text)
    if kind in (int, float):
        return kind(text)
    words = {"true": True, "false": False} if kind is bool else {"none": None}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def read_options(name: str, options: Sequence[str]) -> dict[str, Any]:
    """Read options as they are typed.

    Args:
        name: of the algorithm.
        options: such as "clip_range=0.1".

    Returns:
        Option -> value, those that make the recipe this algorithm included.

    Raises:
        ConfigError: the algorithm or an option is unknown, or a value does not fit.

    Example:
        >>> read_options("gspo", ["clip_range=1e-3"])["ratio"]
        'sequence'
    """
    known = options_of(name)
    values = dict(_preset(name))
    for typed in options:
        option, equals, text = (part.strip() for part in typed.partition("="))
        if not equals or option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else _listed(name, known)
            raise ConfigError(
                f"An option is written name=value, with a name that {name} has. "
                f"Received: {typed!r}. {hint}"
            )
        kind, default = known[option]
        try:
            values[option] = _read(text, kind)
        except ValueError:
            raise ConfigError(
                f"The option {option} of {name} must be {_words(kind)}. Received: "
                f"{text!r}. Leave it out for {default}."
            ) from None
    return values


def _listed(name: str, known: dict[str, Any]) -> str:
    return f"{name} has {', '.join(known)}." if known else f"{name} has no options."


def make_recipe(
    name: str,
    policy: Any,
    reward: Reward,
    settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
    *,
    options: Sequence[str] = (),
    folder: Path | None = None,
) -> Any:
    """Build the recipe of an algorithm.

    Args:
        name: of the algorithm; "supervised" ignores the reward.
        policy: what to improve.
        reward: the reward.
        settings: see `RLSettings`.
        options: such as "clip_range=0.1", see `options_of`.
        folder: run folder, or None.

    Returns:
        The recipe; `fit` runs it.

    Raises:
        ConfigError: the algorithm or an option is unknown, or a value does not fit.
    """
    values = read_options(name, options)
    if name == "supervised":
        return _class_of(name)(policy, settings, folder=folder)
    return _class_of(name)(policy, reward, settings, folder=folder, **values)
