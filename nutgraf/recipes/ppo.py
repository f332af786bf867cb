"""Proximal policy optimisation of texts.

Schulman et al. 2017, arXiv 1707.06347; as used on texts by Ziegler et al. 2019,
"Fine-Tuning Language Models from Human Preferences", arXiv 1909.08593: the KL to the
reference is charged at each token, and its price follows the KL (their section 2.2).

Differences from the papers:
1. The G samples of a prompt share its encoding; the critic sees each by itself.
2. A text that was cut by the length limit counts as over.
3. Tokens are averaged over the whole batch; an update is one rollout, its epochs go
   over all of it (micro-batches are added up, not stepped on one by one).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

from nutgraf.objectives.kl_controller import adaptive_kl_weight
from nutgraf.objectives.value import value_loss
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe, refuse_idle
from nutgraf.rewards.base import Reward
from nutgraf.rl.actor_critic import ALLOWED, actor_critic_estimate, mean_kl
from nutgraf.rl.algorithm import Algorithm, Estimate, Signals
from nutgraf.rl.ratios import limited
from nutgraf.rl.settings import RLSettings

__all__ = ["PPO", "ppo_algorithm"]


def _estimate(
    signals: Signals,
    kl_target: float,
    kl_horizon: float,
    discount: float,
    trace: float,
) -> Estimate:
    """GAE under today's price of the KL; tomorrow's is remembered."""
    weight = signals.memory["kl_weight"]
    found = actor_critic_estimate(
        signals, kl_weight=weight, discount=discount, trace=trace, whitened=True
    )
    kl = mean_kl(signals)
    if kl_target > 0:
        texts = int(signals.valid.sum())
        weight = adaptive_kl_weight(
            weight, kl, target=kl_target, horizon=kl_horizon, steps=texts
        )
    return found._replace(memory={"kl_weight": weight})


def ppo_algorithm(
    settings: RLSettings,
    *,
    clip_range: float = 0.2,
    dual_clip: float | None = None,
    kl_target: float = 0.0,
    kl_horizon: float = 10_000,
    discount: float = 1.0,
    trace: float = 0.95,
    critic: Literal["shared", "separate"] = "shared",
    critic_clip: float | None = None,
    critic_weight: float = 0.1,
    critic_warmup: int = 0,
    **more: Any,
) -> Algorithm:
    """Return PPO as an `Algorithm`.

    Args:
        settings: see `RLSettings`.
        clip_range: see `PPO`.
        dual_clip: see `PPO`.
        kl_target: see `PPO`.
        kl_horizon: see `PPO`.
        discount: see `PPO`.
        trace: see `PPO`.
        critic: see `PPO`.
        critic_clip: see `PPO`.
        critic_weight: see `PPO`.
        critic_warmup: see `PPO`.
        **more: other fields of `Algorithm`.

    Returns:
        The algorithm.
    """
    loss, share = limited("token", clip_range=clip_range, dual_clip=dual_clip)
    return Algorithm(
        estimate=partial(
            _estimate,
            kl_target=kl_target,
            kl_horizon=kl_horizon,
            discount=discount,
            trace=trace,
        ),
        token_loss=loss,
        kl_in_loss=False,
        clip_share=share,
        critic=critic,
        critic_loss=partial(value_loss, clip_range=critic_clip),
        critic_weight=critic_weight,
        critic_warmup=critic_warmup,
        memory={"kl_weight": settings.kl_weight},
        **more,
    )


class PPO(Recipe):
    """Proximal policy optimisation.

    Args:
        policy: what to improve; its weights now are the reference of the KL.
        reward: the reward.
        settings: see `RLSettings`; `kl_weight` is the first price of the KL.
        clip_range: largest change of a token's ratio that is rewarded, in (0, 1).
        dual_clip: > 1, limits the loss of tokens of negative advantage; None = none.
        kl_target: nats per text that the price of the KL aims at; 0 = a fixed price.
        kl_horizon: texts over which the price follows the KL, at least a fifth of an
            update's; only with a `kl_target`.
        discount: of later rewards, in [0, 1].
        trace: lambda of GAE, in [0, 1].
        critic: "shared" (a head on the policy's states) or "separate".
        critic_clip: largest change of the critic's value that is rewarded, in reward
            units; None = no limit.
        critic_weight: weight of the critic's loss, > 0.
        critic_warmup: >= 0, updates in which only the critic learns.
        folder: run folder; None keeps nothing on disk.

    Raises:
        ConfigError: an option is out of range, or nothing reads it.

    Reference: Schulman et al. 2017, arXiv 1707.06347, eq. 7 and 9.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        clip_range: float = 0.2,
        dual_clip: float | None = None,
        kl_target: float = 0.0,
        kl_horizon: float = 10_000,
        discount: float = 1.0,
        trace: float = 0.95,
        critic: Literal["shared", "separate"] = "shared",
        critic_clip: float | None = None,
        critic_weight: float = 0.1,
        critic_warmup: int = 0,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        options: dict[str, Any] = {
            "clip_range": clip_range,
            "dual_clip": dual_clip,
            "kl_target": kl_target,
            "kl_horizon": kl_horizon,
            "discount": discount,
            "trace": trace,
            "critic": critic,
            "critic_clip": critic_clip,
            "critic_weight": critic_weight,
            "critic_warmup": critic_warmup,
        }
        check_options(
            options,
            clip_range="(0, 1)",
            dual_clip="> 1 or None",
            kl_target=">= 0",
            kl_horizon=f">= {settings.prompts * settings.samples / 5}",
            critic_clip="> 0 or None",
            **ALLOWED,
        )
        if not kl_target:
            refuse_idle(PPO, "a fixed price of the KL", "kl_horizon", **options)
        algorithm = ppo_algorithm(settings, **options)
        super().__init__(policy, reward, algorithm, settings, folder, 1, options)
