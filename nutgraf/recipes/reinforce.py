"""REINFORCE: each sample is compared with what was to be expected.

Williams 1992, "Simple statistical gradient-following algorithms for connectionist
reinforcement learning", Machine Learning 8. The baseline is the running mean of earlier
rewards (his section 4), or learned: a head on the policy's states, as in Ranzato et al.
2016, "Sequence Level Training with Recurrent Neural Networks", arXiv 1511.06732.

Differences from the papers:
1. The learned baseline's error shapes the policy's states too, with a small weight.
2. All samples of an update weigh the same; no scaling by their spread.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from nutgraf.objectives.advantages import running_mean_advantages
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe, refuse_idle
from nutgraf.rewards.base import Reward
from nutgraf.rl.actor_critic import actor_critic_estimate
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.settings import RLSettings

__all__ = ["Reinforce"]

Baseline = Literal["running", "learned"]


def _running(signals: Signals, decay: float) -> Estimate:
    before = signals.memory
    advantages, mean, count = running_mean_advantages(
        signals.rewards,
        signals.valid,
        before["baseline"],
        before["count"],
        decay=decay,
    )
    return Estimate(advantages, memory={"baseline": float(mean), "count": float(count)})


def _token_loss(log_probs: Any, given: Experience) -> Any:
    return policy_gradient_loss(log_probs, given.advantages)


class Reinforce(Recipe):
    """REINFORCE with a baseline.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`; `samples` may be 1.
        baseline: "running" (mean of earlier rewards) or "learned" (a critic's head).
        decay: of the running mean, in (0, 1].
        critic_weight: weight of the learned baseline's error, > 0.
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: an option is out of range, or nothing reads it.

    Reference: Williams 1992, Machine Learning 8.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        baseline: Baseline = "running",
        decay: float = 0.9,
        critic_weight: float = 0.1,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        options = {
            "baseline": baseline,
            "decay": decay,
            "critic_weight": critic_weight,
        }
        check_options(
            options, baseline=get_args(Baseline), decay="(0, 1]", critic_weight="> 0"
        )
        idle = "decay" if baseline == "learned" else "critic_weight"
        refuse_idle(Reinforce, f"a {baseline} baseline", idle, **options)
        if baseline == "learned":
            algorithm = Algorithm(
                estimate=partial(actor_critic_estimate, trace=1.0),
                token_loss=_token_loss,
                critic="shared",
                critic_weight=critic_weight,
            )
        else:
            algorithm = Algorithm(
                estimate=partial(_running, decay=decay),
                token_loss=_token_loss,
                memory={"baseline": 0.0, "count": 0.0},
            )
        super().__init__(policy, reward, algorithm, settings, folder, 1, options)
