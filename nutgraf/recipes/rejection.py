"""Rejection-sampling fine-tuning: learn the best of one's own samples by heart.

The best samples of each prompt, by the reward, are trained on as if they were
references. Dong et al. 2023, "RAFT", arXiv 2304.06767; Touvron et al. 2023, "Llama 2",
arXiv 2307.09288, section 3.2.3.

Differences from the papers:
1. Samples are drawn afresh in each update.
2. A prompt whose samples were all rewarded alike is left out: none of them is best.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.settings import RLSettings

__all__ = ["Rejection"]


def _estimate(signals: Signals, best: int) -> Estimate:
    """1 for the best texts of each prompt; the others are rejected."""
    rewards = np.where(signals.valid, signals.rewards, -np.inf)
    order = np.argsort(-rewards, axis=1, kind="stable")
    places = np.argsort(order, axis=1, kind="stable")
    lowest = np.where(signals.valid, signals.rewards, np.inf).min(axis=1)
    keep = (places < best) & (rewards > lowest[:, None])
    return Estimate(np.ones_like(signals.rewards), keep=keep)


def _token_loss(log_probs: Any, given: Experience) -> Any:
    return policy_gradient_loss(log_probs, given.advantages)  # -log-prob: all are 1


class Rejection(Recipe):
    """Rejection-sampling fine-tuning.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward that chooses.
        settings: see `RLSettings`.
        best: how many samples of each prompt are learned, in [1, samples).
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: `best` is out of range.

    Reference: Dong et al. 2023, arXiv 2304.06767, algorithm 1.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        best: int = 1,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        options = {"best": best}
        check_options(options, best=f"integer [1, {max(settings.samples, 2)})")
        algorithm = Algorithm(
            estimate=partial(_estimate, best=best), token_loss=_token_loss
        )
        super().__init__(policy, reward, algorithm, settings, folder, options=options)
