"""How wide a model must be to have as many weights, or FLOPs, as another."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nutgraf.models.build import model_of
from nutgraf.models.config import ModelConfig, named_config
from nutgraf.recipes.choose_settings import ChooseSettings
from nutgraf.training.estimate import step_flops

__all__ = ["Sizes", "choose_sizes"]

STEP = 4
"""Widths are multiples of this, and of twice the heads."""


class Sizes(NamedTuple):
    """What a model's width is, and what else follows from it.

    Attributes:
        width: size of the states.
        feed_forward: size between the feed-forward layers; 0 in recurrent models.
    """

    width: int
    feed_forward: int


def _nearest_step(count: Callable[[int], float], wanted: float) -> int:
    """The n >= 1 whose count, which grows with n, is nearest to what is wanted."""
    high = 1
    while count(high) < wanted:
        high *= 2
    low = high // 2 or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return min((low, high), key=lambda n: abs(count(n) - wanted))


def choose_sizes(
    settings: ChooseSettings, vocabulary_size: int, source: float, target: float
) -> dict[str, Sizes]:
    """Return the sizes at which all models have as many weights, or FLOPs.

    Args:
        settings: which models, and what is matched; the first model is as its named
            size has it.
        vocabulary_size: V, of the tokenizer.
        source: mean tokens of a source.
        target: mean tokens of a text.

    Returns:
        The sizes of each model.
    """

    def config_of(name: str, width: int = 0) -> ModelConfig:
        chosen = settings.train_settings(name).model
        changes = {**chosen.changes, "vocabulary_size": vocabulary_size}
        config = named_config(chosen.size, **changes)
        if not width:
            return config
        share = config.feed_forward * width / config.width
        changes |= {"width": width, "feed_forward": round(share / STEP) * STEP}
        return named_config(chosen.size, **changes)

    def cost(config: ModelConfig) -> float:
        if settings.match == "flops":
            return step_flops(config, round(1000 * source), round(1000 * target))
        return float(model_of(config).count_params())

    def sizes(config: ModelConfig) -> Sizes:
        return Sizes(config.width, config.feed_forward)

    first, *others = settings.models
    wanted = cost(config_of(first))
    found: dict[str, Any] = {first: sizes(config_of(first))}
    for name in others:
        step = math.lcm(STEP, 2 * config_of(name).heads)

        @functools.cache
        def count(n: int, name: str = name, step: int = step) -> float:
            return cost(config_of(name, n * step))

        found[name] = sizes(config_of(name, _nearest_step(count, wanted) * step))
    return found
