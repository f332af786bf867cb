"""What all recipes share: they are an `Algorithm` and the trainer that runs it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Reward
from nutgraf.rl.algorithm import Algorithm
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer

__all__ = ["Recipe", "refuse_idle"]


def refuse_idle(recipe: type, why: str, *names: str, **options: Any) -> None:
    """Refuse options that were set although nothing reads them.

    Args:
        recipe: the class whose arguments they are.
        why: what does not read them, in words.
        *names: the options that are not read.
        **options: all options.

    Raises:
        ConfigError: one of them differs from its default.
    """
    known = inspect.signature(recipe).parameters
    idle = [
        f"{name}={options[name]}"
        for name in names
        if options[name] != known[name].default
    ]
    if idle:
        raise ConfigError(
            f"Options must be such that something reads them; {why} does not. Received:"
            f" {', '.join(idle)}. Leave them out."
        )


class Recipe:
    """An algorithm, ready to improve a policy.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        algorithm: what to do.
        settings: see `RLSettings`.
        folder: run folder; None keeps nothing on disk.
        least: fewest samples per prompt that the algorithm can work with.
        options: the algorithm's own options; a run is resumed with the same.

    Raises:
        ConfigError: `settings.samples` is less than `least`.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        algorithm: Algorithm,
        settings: RLSettings,
        folder: str | Path | None,
        least: int = 2,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the trainer."""
        if settings.samples < least:
            raise ConfigError(
                f"samples must be at least {least} for {type(self).__name__}: samples "
                "of one prompt are compared with each other. Received: "
                f"samples={settings.samples}. 8 is usual."
            )
        path = None if folder is None else Path(folder)
        identity = {"algorithm": type(self).__name__, **(options or {})}
        self.trainer = RLTrainer(policy, reward, algorithm, settings, path, identity)

    def fit(
        self, data: Sequence[Row], callbacks: Sequence[Any] = (), **options: Any
    ) -> list[dict[str, float]]:
        """Improve the policy in place.

        Args:
            data: prompts with references.
            callbacks: Keras callbacks; an update is an epoch of one batch.
            **options: `watch`, `stop_after` and `guard` of `UpdateLoop.fit`.

        Returns:
            The numbers of each update.
        """
        return self.trainer.fit(data, callbacks, **options)
