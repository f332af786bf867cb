"""Minimum risk training: lower the expected risk among the texts that were drawn.

The samples of a prompt are taken for all there is: q is the policy's probability
sharpened and renormalised on them, and the loss is the risk expected under q. Shen et
al. 2016, "Minimum Risk Training for Neural Machine Translation", arXiv 1512.02433.

Differences from the paper:
1. A risk is a negative reward.
2. Drawn afresh in each update and scored by the trainer; copies of a text count once,
   as in the paper.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from nutgraf.objectives.minimum_risk import minimum_risk_loss
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.per_prompt import for_each_token, prompt_sum_count
from nutgraf.rl.settings import RLSettings

__all__ = ["MinimumRisk"]


def _estimate(signals: Signals) -> Estimate:
    """The rewards themselves, of the first copy of each text."""
    actions = np.where(signals.mask, signals.actions, 0)
    same = (actions[:, :, None] == actions[:, None]).all(axis=-1)  # (P, G, G)
    earlier = np.tril(same & signals.valid[:, None, :], -1).any(axis=-1)
    return Estimate(signals.rewards, keep=~earlier)


def _token_loss(log_probs: Any, given: Experience, sharpness: float) -> Any:
    rewards = given.advantages[..., 0]
    there = ops.any(given.mask, axis=-1)
    risks = minimum_risk_loss(
        log_probs, rewards, given.mask, there, sharpness=sharpness
    )
    return for_each_token(risks, given.mask)


class MinimumRisk(Recipe):
    """Minimum risk training.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`.
        sharpness: > 0, alpha of the paper.
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: the sharpness is out of range.

    Reference: Shen et al. 2016, arXiv 1512.02433, section 3.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        sharpness: float = 0.05,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        options = {"sharpness": sharpness}
        check_options(options, sharpness="> 0")
        algorithm = Algorithm(
            estimate=_estimate,
            token_loss=partial(_token_loss, sharpness=sharpness),
            reduce=prompt_sum_count,
        )
        super().__init__(policy, reward, algorithm, settings, folder, options=options)
