"""The compiled RL gradient: score the samples, weigh them, differentiate.

What distinguishes the algorithms is given as small pure functions (`Algorithm`): how
rewards become advantages, what a token's loss is, how tokens are averaged. Losses are
kept as (sum, count), so micro-batches add up to the whole batch exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.arrays import Batch, Processors, Rollout
from nutgraf.backend import Compiled, jit, value_and_grad, with_values
from nutgraf.objectives.grpo import clip_share, ratio
from nutgraf.objectives.kl import k3

__all__ = ["Algorithm", "Experience", "gradient_of", "micro_batches", "scorer"]

Array = Any


class Algorithm(NamedTuple):
    """What makes one group method differ from another.

    Attributes:
        advantages: `(rewards (P, G), valid (P, G)) -> (P, G)` float32 numpy or tensor;
            with `greedy_baseline`, sample 0 of each group is the greedy text.
        token_loss: `(log_probs, old_log_probs, advantages) -> (P, G, T)`.
        reduce: `(values, mask) -> (sum, count)`.
        clip_range: (low, high) of the ratio, for the clip share; None = no clip.
        greedy_baseline: sample 0 is greedy, gives the baseline and is not learned.
    """

    advantages: Callable[..., Array]
    token_loss: Callable[..., Array]
    reduce: Callable[..., tuple[Array, Array]]
    clip_range: tuple[float, float] | None = None
    greedy_baseline: bool = False


class Experience(NamedTuple):
    """Arrays of a micro-batch of samples.

    Attributes:
        batch: the prompts.
        actions: (P, G, T) int32.
        mask: (P, G, T) bool, tokens that are learned from.
        old_log_probs: (P, G, T) float32 nats, of the sampler.
        ref_log_probs: (P, G, T) float32 nats, under the reference.
        advantages: (P, G) float32.
        support: (P, G, T, W) int32, or None.
    """

    batch: Batch
    actions: Array
    mask: Array
    old_log_probs: Array
    ref_log_probs: Array
    advantages: Array
    support: Array | None = None


def _log_probs(
    policy: Any, values: list[Array], experience: Experience, processors: Processors
) -> tuple[Array, Any]:
    """(P, G, T) log-probs of the actions, and the memory they were read from."""
    with with_values(policy.variables, values):
        memory = policy.encode(experience.batch)
        hidden = policy.hidden(memory, experience.actions)
        scored = policy.score(
            memory,
            hidden,
            experience.actions,
            processors,
            support=experience.support,
        )
    return scored.log_probs, memory


def scorer(policy: Any, processors: Processors) -> Compiled:
    """Compile the log-probs of given samples under any values.

    Args:
        policy: the policy.
        processors: as in sampling.

    Returns:
        `(values, experience) -> (P, G, T)` float32 nats.
    """
    return jit(
        lambda values, experience: _log_probs(policy, values, experience, processors)[0]
    )


def _supervised(
    policy: Any, values: list[Array], memory: Any, batch: Batch
) -> tuple[Array, Array]:
    """Negative log-likelihood of the first references: (sum, count)."""
    actions = batch.target_ids[:, None, :]
    with with_values(policy.variables, values):
        hidden = policy.hidden(memory, actions)
        log_probs = policy.score(memory, hidden, actions, Processors()).log_probs[:, 0]
    return (
        -ops.sum(ops.where(batch.target_mask, log_probs, 0.0)),
        ops.sum(ops.cast(batch.target_mask, "float32")),
    )


def gradient_of(
    policy: Any,
    algorithm: Algorithm,
    processors: Processors,
    kl_weight: float,
    supervised_weight: float,
) -> Compiled:
    """Compile the gradient of a micro-batch.

    The loss is RL + kl_weight · KL + supervised_weight · cross-entropy, each averaged
    over the whole batch: the counts are given, so that micro-batches add up.

    Args:
        policy: the policy.
        algorithm: see `Algorithm`.
        processors: as in sampling.
        kl_weight: >= 0, weight of the k3 estimate of KL(policy || reference) per token.
        supervised_weight: >= 0, weight of the references' cross-entropy.

    Returns:
        `(values, experience, rl count, supervised count) -> (gradients, statistics)`;
        statistics: name -> (sum, count).
    """

    def loss_of(
        values: list[Array], experience: Experience, count: Array, supervised: Array
    ) -> tuple[Array, dict[str, Any]]:
        log_probs, memory = _log_probs(policy, values, experience, processors)
        mask = experience.mask
        advantages = experience.advantages[..., None] + ops.zeros_like(log_probs)
        tokens = algorithm.token_loss(log_probs, experience.old_log_probs, advantages)
        if kl_weight:
            tokens = tokens + kl_weight * k3(log_probs, experience.ref_log_probs)
        total, own = algorithm.reduce(tokens, mask)
        loss = total / ops.maximum(count, 1.0)
        statistics = _statistics(log_probs, experience, algorithm, advantages)
        statistics["loss/rl"] = (total, own)
        if supervised_weight:
            nll, tokens_seen = _supervised(policy, values, memory, experience.batch)
            loss = loss + supervised_weight * nll / ops.maximum(supervised, 1.0)
            statistics["loss/supervised"] = (nll, tokens_seen)
        return loss, statistics

    def gradients(
        values: list[Array], experience: Experience, count: Array, supervised: Array
    ) -> Any:
        (_, statistics), grads = value_and_grad(loss_of)(
            values, experience, count, supervised
        )
        return grads, statistics

    return jit(gradients)


def _statistics(
    log_probs: Array, experience: Experience, algorithm: Algorithm, advantages: Array
) -> dict[str, tuple[Array, Array]]:
    """Diagnostics as (sum, count) over tokens."""
    mask = experience.mask
    count = ops.sum(ops.cast(mask, "float32"))

    def summed(values: Array) -> tuple[Array, Array]:
        return ops.sum(ops.where(mask, values, 0.0)), count

    found = {
        "policy/kl_to_start": summed(k3(log_probs, experience.ref_log_probs)),
        "policy/ratio": ratio(log_probs, experience.old_log_probs, mask),
        "policy/entropy": summed(-experience.old_log_probs),
    }
    if algorithm.clip_range is not None:
        low, high = algorithm.clip_range
        found["policy/clip_share"] = clip_share(
            log_probs,
            experience.old_log_probs,
            advantages,
            mask,
            clip_range=low,
            clip_range_high=high,
        )
    return found


def micro_batches(
    rollout: Rollout,
    advantages: np.ndarray,
    ref_log_probs: np.ndarray,
    first: int,
    size: int,
) -> list[Experience]:
    """Split a rollout by prompts.

    Args:
        rollout: rewarded samples.
        advantages: (P, G) float32.
        ref_log_probs: (P, G, T) float32.
        first: number of leading samples of each group that are not learned from.
        size: prompts per micro-batch; a divisor of P.

    Returns:
        The micro-batches, in order.
    """
    prompts = rollout.actions.shape[0]
    learned = rollout.mask & rollout.valid[..., None]
    parts = []
    for start in range(0, prompts, size):
        rows = slice(start, start + size)
        support = rollout.support
        parts.append(
            Experience(
                batch=Batch(*(np.asarray(array)[rows] for array in rollout.batch)),
                actions=rollout.actions[rows, first:],
                mask=learned[rows, first:],
                old_log_probs=rollout.log_probs[rows, first:],
                ref_log_probs=ref_log_probs[rows, first:],
                advantages=advantages[rows, first:].astype("float32"),
                support=None if support is None else support[rows, first:],
            )
        )
    return parts
