"""Advantages of actor-critic methods: rewards per token, compared with a critic.

The reward of a text is paid at its last action; the KL to the reference can be charged
at each action. A text that was cut by the length limit is taken as over: its reward
says what it was worth, and nothing is expected after it.
"""

from __future__ import annotations

import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.objectives.kl import kl_rewards
from nutgraf.objectives.returns import generalized_advantages
from nutgraf.objectives.whiten import whiten
from nutgraf.rl.algorithm import Estimate, Signals

__all__ = ["ALLOWED", "actor_critic_estimate", "mean_kl", "token_rewards"]

ALLOWED: dict[str, str | tuple[str, ...]] = {
    "discount": "[0, 1]",
    "trace": "[0, 1]",
    "critic": ("shared", "separate"),
    "critic_weight": "> 0",
    "critic_warmup": "integer >= 0",
}
"""What the options of all actor-critic methods may be, see `check_options`."""


def token_rewards(signals: Signals, kl_weight: float = 0.0) -> np.ndarray:
    """Return what each action earned.

    Args:
        signals: of the update.
        kl_weight: >= 0, price of a nat of the k1 estimate of KL(policy || reference).

    Returns:
        (P, G, T) float32; 0 where the mask is False.
    """
    mask = signals.mask
    last = mask & ~np.pad(mask[..., 1:], [(0, 0), (0, 0), (0, 1)])
    earned = np.where(last, signals.rewards[..., None], 0.0)
    if kl_weight:
        charged = kl_rewards(signals.log_probs, signals.ref_log_probs, kl_weight)
        earned = earned + np.where(mask, to_numpy(charged), 0.0)
    return earned.astype("float32")


def mean_kl(signals: Signals) -> float:
    """Return the k1 estimate of KL(policy || reference) of a text, in nats.

    Args:
        signals: of the update.

    Returns:
        The mean over valid texts of the sum over tokens; 0 without a valid text.
    """
    difference = np.where(signals.mask, signals.log_probs - signals.ref_log_probs, 0.0)
    texts = difference.sum(axis=-1)[signals.valid]
    return float(texts.mean()) if texts.size else 0.0


def actor_critic_estimate(
    signals: Signals,
    *,
    kl_weight: float = 0.0,
    discount: float = 1.0,
    trace: float = 0.95,
    whitened: bool = False,
) -> Estimate:
    """Return GAE advantages and the critic's targets.

    Args:
        signals: with the critic's values.
        kl_weight: >= 0, see `token_rewards`.
        discount: in [0, 1].
        trace: lambda of GAE, in [0, 1]; 1 = no bootstrapping.
        whitened: bring the advantages of the update to mean 0 and variance 1.

    Returns:
        The estimate, (P, G, T) each.
    """
    learned = signals.mask & signals.valid[..., None]
    advantages, returns = generalized_advantages(
        token_rewards(signals, kl_weight),
        signals.values,
        signals.mask,
        discount=discount,
        trace=trace,
    )
    if whitened:
        advantages = whiten(advantages, learned)
    return Estimate(advantages, returns)
