"""Advantage actor-critic: a critic says what was to be expected, token by token.

Mnih et al. 2016, "Asynchronous Methods for Deep Reinforcement Learning", arXiv
1602.01783, in its synchronous form; Bahdanau et al. 2017, "An Actor-Critic Algorithm
for Sequence Prediction", arXiv 1607.07086, brought it to text.

Differences from the papers:
1. Advantages by GAE (`trace`), of which their n-step return is a case.
2. The critic is a head on the policy's states, or a copy of the policy of its own.
3. `entropy_weight` of the settings is 0 by default: a summarizer need not explore.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.actor_critic import ALLOWED, actor_critic_estimate
from nutgraf.rl.algorithm import Algorithm, Experience
from nutgraf.rl.settings import RLSettings

__all__ = ["A2C"]


def _token_loss(log_probs: Any, given: Experience) -> Any:
    return policy_gradient_loss(log_probs, given.advantages)


class A2C(Recipe):
    """Advantage actor-critic.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`; `kl_weight` is the price of the KL in the reward.
        discount: of later rewards, in [0, 1].
        trace: lambda of GAE, in [0, 1].
        critic: "shared" (a head on the policy's states) or "separate".
        critic_weight: weight of the critic's loss, > 0.
        critic_warmup: >= 0, updates in which only the critic learns.
        whitened: bring the advantages of an update to mean 0 and variance 1.
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: an option is out of range.

    Reference: Mnih et al. 2016, arXiv 1602.01783, algorithm S3.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        discount: float = 1.0,
        trace: float = 0.95,
        critic: Literal["shared", "separate"] = "shared",
        critic_weight: float = 0.5,
        critic_warmup: int = 0,
        whitened: bool = False,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        options = {
            "discount": discount,
            "trace": trace,
            "critic": critic,
            "critic_weight": critic_weight,
            "critic_warmup": critic_warmup,
            "whitened": whitened,
        }
        check_options(options, **ALLOWED)
        algorithm = Algorithm(
            estimate=partial(
                actor_critic_estimate,
                kl_weight=settings.kl_weight,
                discount=discount,
                trace=trace,
                whitened=whitened,
            ),
            token_loss=_token_loss,
            kl_in_loss=False,
            critic=critic,
            critic_weight=critic_weight,
            critic_warmup=critic_warmup,
        )
        super().__init__(policy, reward, algorithm, settings, folder, 1, options)
