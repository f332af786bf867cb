"""Self-critical sequence training: the greedy text is the baseline.

advantage = reward(sample) - reward(greedy), so a sample is made likelier exactly when
it beats what the policy would have said anyway. Rennie et al. 2017, "Self-critical
Sequence Training for Image Captioning", arXiv 1612.00563, eq. 9.

Differences from the paper:
1. G samples per prompt share one greedy text, drawn in the same loop.
2. The cross-entropy of the references can be mixed in (`supervised_weight`), as Paulus
   et al. 2018 do, arXiv 1705.04304, eq. 16.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nutgraf.objectives.advantages import self_critical_advantages
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.settings import RLSettings

__all__ = ["SelfCritical"]


def _estimate(signals: Signals) -> Estimate:
    return Estimate(
        self_critical_advantages(signals.rewards, signals.greedy, signals.valid)
    )


def _token_loss(log_probs: Any, given: Experience) -> Any:
    return policy_gradient_loss(log_probs, given.advantages)


class SelfCritical(Recipe):
    """Self-critical sequence training.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`; `epochs` is 1 in the paper.
        folder: run folder; None keeps nothing on disk.

    Reference: Rennie et al. 2017, arXiv 1612.00563, eq. 9.
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
            estimate=_estimate, token_loss=_token_loss, greedy_baseline=True
        )
        super().__init__(policy, reward, algorithm, settings, folder, least=1)
