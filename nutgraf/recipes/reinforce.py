"""RL end to end: a trained model, rows, a reward, an algorithm, a better model.

The function behind `nutgraf rl`. A run folder is resumed when it exists.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nutgraf.data.sources import load_split
from nutgraf.errors import ConfigError
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.self_critical import SelfCritical
from nutgraf.recipes.settings import ReinforceSettings, RewardSettings
from nutgraf.rewards.base import Reward
from nutgraf.rewards.length import LengthRatioPenalty
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.text.words import WordKind, word_kind

__all__ = ["improve", "make_recipe", "make_reward"]


def make_reward(
    settings: RewardSettings, words: WordKind = "english", seed: int = 0
) -> Reward:
    """Build the reward of its settings.

    Args:
        settings: the settings.
        words: "english" or "cjk": what a word is.
        seed: of the random control.

    Returns:
        The reward.

    Raises:
        ConfigError: the kind is unknown.
    """
    if settings.kind == "random":
        return WeightedSum({"random": (RandomReward(seed), 1.0)})
    if settings.kind != "rouge":
        raise ConfigError(
            f'reward.kind must be "rouge" or "random". Received: {settings.kind!r}.'
        )
    rouge = RougeReward(settings.rouge1, settings.rouge2, settings.rougeL, words)
    parts: dict[str, tuple[Reward, float]] = {"rouge": (rouge, 1.0)}
    if settings.length:
        parts["length"] = (LengthRatioPenalty(words=words), settings.length)
    if settings.repetition:
        parts["repetition"] = (RepetitionPenalty(words=words), settings.repetition)
    return WeightedSum(parts)


def make_recipe(
    settings: ReinforceSettings, policy: Any, reward: Reward, folder: Path | None
) -> GRPO | SelfCritical:
    """Build the recipe that the settings name.

    Args:
        settings: the settings.
        policy: what to improve.
        reward: the reward.
        folder: run folder, or None.

    Returns:
        The recipe.

    Raises:
        ConfigError: the algorithm is unknown.
    """
    if settings.algorithm == "grpo":
        return GRPO(
            policy, reward, settings.rl, clip_range=settings.clip_range, folder=folder
        )
    if settings.algorithm == "self-critical":
        return SelfCritical(policy, reward, settings.rl, folder=folder)
    raise ConfigError(
        'algorithm must be "grpo" or "self-critical". Received: '
        f"{settings.algorithm!r}."
    )


def improve(
    settings: ReinforceSettings,
    report: Callable[[str], None] = lambda line: None,
    watch: Callable[[int, dict[str, float]], None] | None = None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Improve a model by RL.

    Args:
        settings: the settings.
        report: called with each line a user should see.
        watch: called with each update's number and numbers.
        callbacks: Keras callbacks.

    Returns:
        "updates" done in all, and the "first" and "last" records of this call.
    """
    folder = Path(settings.out)
    policy = load_policy(settings.start)
    rows = list(load_split(settings.data, "train"))
    words = word_kind([row.document for row in rows[:100]])
    reward = make_reward(settings.reward, words, settings.rl.seed)
    recipe = make_recipe(settings, policy, reward, folder)
    write_json(folder / "run.json", _card(settings, policy, len(rows)))
    report(
        f"{len(rows):,} prompts; {settings.rl.updates:,} updates of "
        f"{settings.rl.prompts} x {settings.rl.samples} samples"
    )
    limit = settings.max_minutes * 60 or math.inf
    records = recipe.fit(rows, callbacks, watch=watch, stop_after=limit)
    if not records:
        report("nothing was left to do: the run is finished")
        return {"updates": settings.rl.updates, "first": {}, "last": {}}
    report(
        f"reward {records[0]['reward/mean']:.3f} -> {records[-1]['reward/mean']:.3f}; "
        f"model in {folder / 'last'}"
    )
    return {"updates": len(records), "first": records[0], "last": records[-1]}


def _card(settings: ReinforceSettings, policy: Any, rows: int) -> dict[str, Any]:
    """What the run is: settings, versions, model."""
    from nutgraf import __version__
    from nutgraf.backend import describe

    return {
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        "versions": {"nutgraf": __version__, **describe()},
        "model": dataclasses.asdict(policy.model.config),
        "weights": policy.model.count_params(),
        "rows": rows,
    }
