"""RLOO: the other samples of the prompt are the baseline.

Kool et al. 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!"; Ahmadian et al.
2024, "Back to Basics", arXiv 2402.14740, eq. 9. The text is one action: its log-prob is
the sum over its tokens, and the KL to the reference is part of the reward.

Differences from the paper:
1. The KL is charged to each sample before the baseline is taken, as the paper writes;
   `kl_weight` is per nat of the whole text.
2. The loss is averaged over texts, not summed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from nutgraf.objectives.advantages import leave_one_out_advantages
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.reduce import sequence_sum_sum_count
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.actor_critic import token_rewards
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.settings import RLSettings

__all__ = ["RLOO"]


def _estimate(signals: Signals, kl_weight: float) -> Estimate:
    earned = token_rewards(signals, kl_weight).sum(axis=-1)
    return Estimate(leave_one_out_advantages(earned, signals.valid))


def _token_loss(log_probs: Any, given: Experience) -> Any:
    return policy_gradient_loss(log_probs, given.advantages)


class RLOO(Recipe):
    """REINFORCE leave-one-out.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`; `kl_weight` is the price of the KL in the reward.
        folder: run folder; None keeps nothing on disk.

    Reference: Ahmadian et al. 2024, arXiv 2402.14740, eq. 9.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        algorithm = Algorithm(
            estimate=partial(_estimate, kl_weight=settings.kl_weight),
            token_loss=_token_loss,
            reduce=sequence_sum_sum_count,
            kl_in_loss=False,
        )
        super().__init__(policy, reward, algorithm, settings, folder)
