"""Group relative policy optimisation for any text policy.

Each of G samples of a prompt is compared with its group: advantage = (reward - mean) /
standard deviation; the clipped policy loss of PPO makes several epochs per rollout
safe. Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300, section 4.1.

Differences from the paper:
1. The prompt is encoded once for its group, in sampling and in the update.
2. Tokens are averaged over the whole batch, not per sample first (Yu et al. 2025,
   "DAPO", arXiv 2503.14476, section 3.3): short texts do not weigh more.
3. The cross-entropy of the references can be mixed in (`supervised_weight`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.objectives.advantages import group_advantages
from nutgraf.objectives.grpo import clipped_policy_loss
from nutgraf.objectives.reduce import token_sum_count
from nutgraf.rewards.base import Reward
from nutgraf.rl.learner import Algorithm
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer

__all__ = ["GRPO"]


class GRPO:
    """Group relative policy optimisation.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`.
        clip_range: largest change of a token's ratio that is rewarded, in (0, 1).
        scale: divide advantages by the group's standard deviation.
        folder: run folder; None keeps nothing on disk.

    Reference: Shao et al. 2024, arXiv 2402.03300.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        clip_range: float = 0.2,
        scale: bool = True,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        if not 0.0 < clip_range < 1.0:
            raise ConfigError(
                f"clip_range must be in (0, 1). Received: clip_range={clip_range}. "
                "The PPO paper uses 0.2."
            )
        algorithm = Algorithm(
            advantages=partial(group_advantages, scale=scale),
            token_loss=partial(clipped_policy_loss, clip_range=clip_range),
            reduce=token_sum_count,
            clip_range=(clip_range, clip_range),
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
