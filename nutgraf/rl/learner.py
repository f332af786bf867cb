"""The compiled RL gradient: score the samples, weigh them, differentiate.

What distinguishes the algorithms is in `Algorithm`. Losses are kept as (sum, count), so
micro-batches add up to the whole batch exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from nutgraf.arrays import Processors, Scored
from nutgraf.backend import Compiled, jit, value_and_grad, with_values
from nutgraf.objectives.grpo import ratio
from nutgraf.objectives.importance import truncated_importance_weights
from nutgraf.objectives.kl import k3
from nutgraf.objectives.reduce import token_sum_count
from nutgraf.rl.algorithm import Algorithm, Experience
from nutgraf.rl.critic import Critic

__all__ = ["Counts", "Weights", "gradient_of", "scorer"]

Array = Any


class Weights(NamedTuple):
    """Static weights of the terms that can be added to an algorithm's loss.

    Attributes:
        kl: >= 0, of the k3 estimate of KL(policy || reference) per token; samples that
            another policy drew have importance weights in it.
        supervised: >= 0, of the references' cross-entropy.
        entropy: >= 0, of the entropy per token, which is rewarded.
    """

    kl: float = 0.0
    supervised: float = 0.0
    entropy: float = 0.0


class Counts(NamedTuple):
    """What the sums are divided by: counts of the whole batch, float32 scalars.

    Attributes:
        loss: of the algorithm's own reduction.
        tokens: actions that are learned from.
        supervised: tokens of the references.
    """

    loss: Array
    tokens: Array
    supervised: Array


class _Read(NamedTuple):
    """What one pass over a micro-batch gives."""

    scored: Scored
    memory: Any
    hidden: Array


def _read(
    policy: Any,
    values: list[Array],
    given: Experience,
    processors: Processors,
    want: frozenset[str] = frozenset(),
) -> _Read:
    with with_values(policy.variables, values):
        memory = policy.encode(given.batch)
        packing = given.packing
        hidden = policy.hidden(memory, given.actions, packing=packing)
        scored = policy.score(
            memory, hidden, given.actions, processors, want, given.support, packing
        )
    return _Read(scored, memory, hidden)


def scorer(
    policy: Any, processors: Processors, critic: Critic | None = None
) -> Compiled:
    """Compile the log-probs of given samples under any values.

    Args:
        policy: the policy.
        processors: as in sampling.
        critic: its critic, if what it expects is wanted too.

    Returns:
        `(values, experience) -> (P, G, T)` float32 nats; with a critic, whose weights
        follow the policy's, `(log-probs, values)`.
    """
    size = len(policy.variables)

    def score(values: list[Array], given: Experience) -> Any:
        read = _read(policy, values[:size], given, processors)
        if critic is None:
            return read.scored.log_probs
        return read.scored.log_probs, critic.values(values[size:], read.hidden, given)

    return jit(score)


def _kl(log_probs: Array, given: Experience, algorithm: Algorithm) -> Array:
    """k3 of each token, weighed by how much likelier the policy is to draw it now.

    The weight is 1 in the first epoch of samples that the policy drew itself. Later, or
    for samples of a lagged copy, it makes the mean that of the policy's own samples.
    """
    limit = algorithm.importance_limit
    own = truncated_importance_weights(log_probs, given.old_log_probs, limit=limit)
    if given.importance is not None:
        own = own * given.importance
    return own * k3(log_probs, given.ref_log_probs)


def _supervised(
    policy: Any, values: list[Array], memory: Any, given: Experience
) -> tuple[Array, Array]:
    """Negative log-likelihood of the first references: (sum, count)."""
    actions = given.batch.target_ids[:, None, :]
    mask = given.batch.target_mask
    with with_values(policy.variables, values):
        hidden = policy.hidden(memory, actions)
        log_probs = policy.score(memory, hidden, actions, Processors()).log_probs[:, 0]
    return token_sum_count(-log_probs, mask)


def gradient_of(
    policy: Any,
    algorithm: Algorithm,
    processors: Processors,
    weights: Weights = Weights(),  # noqa: B008 - frozen
    critic: Critic | None = None,
) -> Compiled:
    """Compile the gradient of a micro-batch.

    The loss is the algorithm's + kl · KL - entropy · H + supervised · cross-entropy +
    critic_weight · critic's, each averaged over the whole batch: the counts are given,
    so that micro-batches add up.

    Args:
        policy: the policy.
        algorithm: see `Algorithm`.
        processors: as in sampling.
        weights: of the terms.
        critic: the critic whose weights follow the policy's, or None.

    Returns:
        `(values, experience, counts, policy weight) -> (gradients, statistics)`; the
        policy's gradients are multiplied by the policy weight, a float32 scalar.
        Statistics: name -> (sum, count).
    """
    size = len(policy.variables)
    want = frozenset({"entropy"}) if weights.entropy else frozenset()

    def loss_of(
        values: list[Array], given: Experience, counts: Counts
    ) -> tuple[Array, dict[str, Any]]:
        read = _read(policy, values[:size], given, processors, want)
        log_probs = read.scored.log_probs
        tokens = algorithm.token_loss(log_probs, given)
        if given.importance is not None:
            tokens = tokens * given.importance
        if weights.kl and algorithm.kl_in_loss:
            tokens = tokens + weights.kl * _kl(log_probs, given, algorithm)
        if weights.entropy and read.scored.entropy is not None:
            tokens = tokens - weights.entropy * read.scored.entropy
        total, own = algorithm.reduce(tokens, given.mask)
        loss = total / ops.maximum(counts.loss, 1.0)
        found = _statistics(log_probs, given, algorithm)
        found["loss/rl"] = (total, own)
        if weights.supervised:
            nll = _supervised(policy, values[:size], read.memory, given)
            loss = loss + weights.supervised * nll[0] / ops.maximum(
                counts.supervised, 1.0
            )
            found["loss/supervised"] = nll
        if critic is not None:
            expected = critic.values(values[size:], read.hidden, given)
            errors = algorithm.critic_loss(expected, given.returns, given.values)
            found["loss/critic"] = token_sum_count(errors, given.mask)
            loss = loss + algorithm.critic_weight * found["loss/critic"][0] / (
                ops.maximum(counts.tokens, 1.0)
            )
        return loss, found

    def gradients(
        values: list[Array], given: Experience, counts: Counts, policy_weight: Array
    ) -> Any:
        (_, statistics), grads = value_and_grad(loss_of)(values, given, counts)
        if critic is not None:
            grads = [grad * policy_weight for grad in grads[:size]] + grads[size:]
        return grads, statistics

    return jit(gradients)


def _statistics(
    log_probs: Array, given: Experience, algorithm: Algorithm
) -> dict[str, tuple[Array, Array]]:
    """Diagnostics as (sum, count) over tokens."""
    mask, old = given.mask, given.old_log_probs
    found = {
        "policy/kl_to_start": token_sum_count(k3(log_probs, given.ref_log_probs), mask),
        "policy/ratio": ratio(log_probs, old, mask),
        "policy/entropy": token_sum_count(-old, mask),
    }
    if algorithm.clip_share is not None:
        found["policy/clip_share"] = algorithm.clip_share(log_probs, given)
    return found
