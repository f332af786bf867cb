"""NLPO: PPO that may only say what a lagged copy of the policy finds likely.

Ramamurthy et al. 2023, "Is Reinforcement Learning (Not) for Natural Language
Processing?", arXiv 2210.01241, section 4: actions outside the top-p set of a masking
policy, renewed every so many updates, cannot be drawn.

Differences from the paper:
1. The log-probs of sampler and trainer are those of the masked distribution, so the
   first ratio is 1; the authors' program gave that check up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from nutgraf.ranges import check_options
from nutgraf.recipes.ppo import ppo_algorithm
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.actor_critic import ALLOWED
from nutgraf.rl.settings import RLSettings

__all__ = ["NLPO"]


class NLPO(Recipe):
    """Natural language policy optimisation.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`; `top_k` and `top_p` must be off.
        mask_top_p: probability of the set that may be drawn from, in (0, 1).
        mask_every: updates after which the masking copy is renewed, >= 1.
        clip_range: largest change of a token's ratio that is rewarded, in (0, 1).
        kl_target: nats per text that the price of the KL aims at; 0 = a fixed price.
        discount: of later rewards, in [0, 1].
        trace: lambda of GAE, in [0, 1].
        critic: "shared" (a head on the policy's states) or "separate".
        critic_weight: weight of the critic's loss, > 0.
        critic_warmup: >= 0, updates in which only the critic learns.
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: an option is out of range.

    Reference: Ramamurthy et al. 2023, arXiv 2210.01241, algorithm 1.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        mask_top_p: float = 0.9,
        mask_every: int = 20,
        clip_range: float = 0.2,
        kl_target: float = 0.0,
        discount: float = 1.0,
        trace: float = 0.95,
        critic: Literal["shared", "separate"] = "shared",
        critic_weight: float = 0.1,
        critic_warmup: int = 0,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        options: dict[str, Any] = {
            "clip_range": clip_range,
            "kl_target": kl_target,
            "discount": discount,
            "trace": trace,
            "critic": critic,
            "critic_weight": critic_weight,
            "critic_warmup": critic_warmup,
        }
        mask = {"mask_top_p": mask_top_p, "mask_every": mask_every}
        check_options(
            {**mask, **options},
            mask_top_p="(0, 1)",
            mask_every="integer >= 1",
            clip_range="(0, 1)",
            kl_target=">= 0",
            **ALLOWED,
        )
        algorithm = ppo_algorithm(
            settings, **options, mask_top_p=mask_top_p, lag=mask_every
        )
        super().__init__(
            policy, reward, algorithm, settings, folder, 1, {**mask, **options}
        )
