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

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.objectives.advantages import self_critical_advantages
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.reduce import token_sum_count
from nutgraf.rewards.base import Reward
from nutgraf.rl.learner import Algorithm
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer

__all__ = ["SelfCritical"]


def _advantages(rewards: np.ndarray, valid: np.ndarray) -> Any:
    """Advantages over sample 0 of each group, whose own is 0."""
    return self_critical_advantages(rewards, rewards[:, 0], valid & valid[:, :1])


def _token_loss(log_probs: Any, old_log_probs: Any, advantages: Any) -> Any:
    del old_log_probs  # one update per rollout: the policy is the one that sampled
    return policy_gradient_loss(log_probs, advantages)


class SelfCritical:
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
            advantages=_advantages,
            token_loss=_token_loss,
            reduce=token_sum_count,
            greedy_baseline=True,
        )
        self.trainer = RLTrainer(
            policy,
            reward,
            algorithm,
            settings,
            None if folder is None else Path(folder),
        )

    def fit(
        self, data: Sequence[Row], callbacks: Sequence[Any] = (), **options: Any
    ) -> list[dict[str, float]]:
        """Improve the policy in place.

        Args:
            data: prompts with references.
            callbacks: Keras callbacks.
            **options: `watch` and `stop_after` of `RLTrainer.fit`.

        Returns:
            The numbers of each update.
        """
        return self.trainer.fit(data, callbacks, **options)
