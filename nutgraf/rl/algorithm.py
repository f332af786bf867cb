"""What makes one algorithm differ from another, as a few pure functions.

An update is always the same: sample, reward, estimate how good each action was, take
the gradient of a loss. An `Algorithm` says how the estimate is made and what the loss
of a token is; sampling, scoring, micro-batches, checkpoints are the trainer's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from nutgraf.arrays import Batch
from nutgraf.layers.packing import Packing
from nutgraf.objectives.reduce import token_sum_count
from nutgraf.objectives.value import value_loss

__all__ = ["Algorithm", "Estimate", "Experience", "Signals", "group"]

Array = Any


class Signals(NamedTuple):
    """What is known of the samples of an update before anything is learned.

    Attributes:
        rewards: (P, G) float32.
        valid: (P, G) bool, False where a reward did not apply.
        actions: (P, G, T) int32.
        mask: (P, G, T) bool, True = this action counts.
        log_probs: (P, G, T) float32 nats, under the policy before the update.
        ref_log_probs: (P, G, T) float32 nats, under the reference.
        values: (P, G, T) float32, what the critic expected before each action; None
            without a critic.
        truncated: (P, G) bool, cut by the length limit.
        memory: what the algorithm remembered after the update before.
        greedy: (P,) float32, the reward of the greedy text; None without it.
    """

    rewards: np.ndarray
    valid: np.ndarray
    actions: np.ndarray
    mask: np.ndarray
    log_probs: np.ndarray
    ref_log_probs: np.ndarray
    values: np.ndarray | None
    truncated: np.ndarray
    memory: Mapping[str, float]
    greedy: np.ndarray | None = None


class Estimate(NamedTuple):
    """How good the actions were.

    Attributes:
        advantages: (P, G) or (P, G, T) float32.
        returns: (P, G, T) float32, what the critic should have said; None without one.
        keep: (P, G) bool, samples to learn from; None = all valid ones.
        memory: plain numbers for the next update; saved in checkpoints and logged.
    """

    advantages: Array
    returns: Array | None = None
    keep: Array | None = None
    memory: Mapping[str, float] = {}


class Experience(NamedTuple):
    """Arrays of a micro-batch of samples.

    Attributes:
        batch: the prompts.
        actions: (P, G, T) int32.
        mask: (P, G, T) bool, tokens that are learned from.
        old_log_probs: (P, G, T) float32 nats, under the policy before the update.
        ref_log_probs: (P, G, T) float32 nats, under the reference.
        advantages: (P, G, T) float32.
        support: (P, G, T, W) int32, or None.
        values: (P, G, T) float32 of the critic before the update, or None.
        returns: (P, G, T) float32, or None.
        importance: (P, G, T) float32 weights of the tokens, or None for 1.
        packing: the tokens that are computed: those learned from and what is before
            them; None = all.
    """

    batch: Batch
    actions: Array
    mask: Array
    old_log_probs: Array
    ref_log_probs: Array
    advantages: Array
    support: Array | None = None
    values: Array | None = None
    returns: Array | None = None
    importance: Array | None = None
    packing: Packing | None = None


@dataclass(frozen=True)
class Algorithm:
    """What makes one algorithm differ from another.

    Attributes:
        estimate: `Signals -> Estimate`.
        token_loss: `(log_probs (P, G, T), Experience) -> (P, G, T)`.
        reduce: `(tokens, mask) -> (sum, count)`; the count is a function of the mask.
        kl_in_loss: the trainer adds `kl_weight` times k3 to the token loss; False when
            the estimate counts the KL as a negative reward.
        greedy_baseline: the greedy text is rewarded too, as a baseline; it is not
            learned from.
        clip_share: `(log_probs (P, G, T), Experience) -> (sum, count)`, tokens that the
            limits of the ratio stop or cut; None = no limits.
        critic: "shared" (a head on the policy's states), "separate" (weights of its
            own), or None.
        critic_loss: `(values, returns, old values) -> (P, G, T)`.
        critic_weight: weight of the critic's loss.
        critic_warmup: updates in which only the critic learns.
        lag: > 0: a lagged copy of the policy is kept, and renewed every `lag` updates.
        mask_top_p: < 1: actions outside this top-p set of the lagged copy are masked.
        stale: samples are drawn from the lagged copy itself.
        importance_limit: largest importance weight: of `stale` samples, and in the KL
            of the loss, of what the policy does by now.
        resample: at most so many times, further prompts replace those whose samples
            were all rewarded alike.
        memory: what is remembered before the first update.
    """

    estimate: Callable[[Signals], Estimate]
    token_loss: Callable[[Array, Experience], Array]
    reduce: Callable[..., tuple[Array, Array]] = token_sum_count
    kl_in_loss: bool = True
    greedy_baseline: bool = False
    clip_share: Callable[[Array, Experience], tuple[Array, Array]] | None = None
    critic: Literal["shared", "separate"] | None = None
    critic_loss: Callable[..., Array] = value_loss
    critic_weight: float = 0.5
    critic_warmup: int = 0
    lag: int = 0
    mask_top_p: float = 1.0
    stale: bool = False
    importance_limit: float = 2.0
    resample: int = 0
    memory: Mapping[str, float] = field(default_factory=dict)


def group(advantages: Callable[..., Array]) -> Callable[[Signals], Estimate]:
    """Make an estimate of a function of the rewards of groups.

    Args:
        advantages: `(rewards (P, G), valid (P, G)) -> (P, G)`.

    Returns:
        `Signals -> Estimate`.
    """
    return lambda signals: Estimate(advantages(signals.rewards, signals.valid))
