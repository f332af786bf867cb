"""RL end to end: a trained model, rows, a reward, an algorithm, a better model.

The function behind `nutgraf rl`. A run folder is resumed when it exists.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nutgraf.data.sources import DataSettings, load_split
from nutgraf.errors import ConfigError
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.self_critical import SelfCritical
from nutgraf.rewards.base import Reward
from nutgraf.rewards.length import LengthRatioPenalty
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.rl.settings import RLSettings
from nutgraf.text.words import WordKind, word_kind

__all__ = ["ReinforceSettings", "RewardSettings", "improve", "make_reward"]


@dataclass(frozen=True)
class RewardSettings:
    """What a summary is rewarded for: a weighted sum of parts."""

    kind: str = "rouge"
    """"rouge", or "random" for the control arm that must not help."""
    rouge1: float = 1.0
    """Share of ROUGE-1 in the ROUGE part."""
    rouge2: float = 1.0
    """Share of ROUGE-2 in the ROUGE part."""
    rougeL: float = 1.0
    """Share of ROUGE-L in the ROUGE part."""
    length: float = 0.2
    """Weight of the penalty for a length far from the reference's; 0 = off."""
    repetition: float = 0.5
    """Weight of the penalty for saying things twice; 0 = off."""


@dataclass(frozen=True)
class ReinforceSettings:
    """Settings of `nutgraf rl`."""

    start: str = "starter"
    """Model folder to improve; "starter" for the one in the package."""
    out: str = "runs/rl"
    """Run folder; an interrupted run in it is resumed."""
    algorithm: str = "grpo"
    """"grpo" or "self-critical"."""
    clip_range: float = 0.2
    """For grpo: largest change of a token's ratio that is rewarded."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the prompts and references come from."""
    reward: RewardSettings = field(default_factory=RewardSettings)
    """The reward."""
    rl: RLSettings = field(default_factory=RLSettings)
    """The updates."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""


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
