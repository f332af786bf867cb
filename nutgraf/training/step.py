"""The compiled supervised step: gradient of a micro-batch, then one update.

The loss is kept as (sum, count) until the update, so that eight micro-batches give the
same gradient as one batch eight times as large, whatever their lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops

from nutgraf.arrays import Batch, Processors
from nutgraf.backend import Compiled, jit, value_and_grad, with_values
from nutgraf.backend.random import hash_counters
from nutgraf.errors import ConfigError
from nutgraf.layers.dropout import Dropout
from nutgraf.objectives.r_drop import r_drop_loss
from nutgraf.objectives.supervised import smoothed_cross_entropy
from nutgraf.training.optimizer import AdamW, OptimizerState, clip_by_global_norm

__all__ = ["add_gradients", "apply_step", "evaluation_step", "gradient_step"]

Array = Any


_SECOND = 0x2D209
"""Sets the dropout of R-Drop's second pass apart from the first one's."""


class _Pass(NamedTuple):
    """One reading of a batch: what was read, and the (B, T) numbers of its tokens."""

    memory: Any
    hidden: Array
    log_probs: Array
    loss: Array


def _read(policy: Any, batch: Batch, smoothing: float, dropout: Dropout) -> _Pass:
    actions = batch.target_ids[:, None, :]  # (B, 1, T): one sample per prompt
    want = frozenset({"mean_log_probs"}) if smoothing else frozenset()
    memory = policy.encode(batch, dropout)
    hidden = policy.hidden(memory, actions, dropout)
    scored = policy.score(memory, hidden, actions, Processors(), want)
    log_probs = scored.log_probs[:, 0]
    loss = -log_probs
    if smoothing:
        loss = smoothed_cross_entropy(log_probs, scored.mean_log_probs[:, 0], smoothing)
    if scored.auxiliary is not None:
        loss = loss + scored.auxiliary[:, 0]
    return _Pass(memory, hidden, log_probs, loss)


def _token_losses(
    policy: Any,
    values: list[Array],
    batch: Batch,
    smoothing: float,
    dropouts: Sequence[Dropout],
    r_drop: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Summed smoothed loss, summed negative log-likelihood, number of tokens."""
    with with_values(policy.variables, values):
        one, *others = (_read(policy, batch, smoothing, drop) for drop in dropouts)
        loss, log_probs = one.loss, one.log_probs
        for other in others:
            apart = policy.divergence(one[:2], other[:2])[:, 0]
            loss = r_drop_loss(one.loss, other.loss, apart, r_drop)
    counts = ops.cast(batch.target_mask, "float32")
    return (
        ops.sum(ops.where(batch.target_mask, loss, 0.0)),
        ops.sum(ops.where(batch.target_mask, -log_probs, 0.0)),
        ops.sum(counts),
    )


def gradient_step(
    policy: Any, smoothing: float, rate: float, r_drop: float = 0.0
) -> Compiled:
    """Compile the gradient of the summed loss of a micro-batch.

    Args:
        policy: the policy; with R-Drop, one that has `divergence`.
        smoothing: label smoothing, in [0, 1).
        rate: dropout, in [0, 1).
        r_drop: weight of R-Drop, >= 0; more than 0 reads each batch twice.

    Returns:
        `(values, batch, seed) -> (gradients, nll sum, number of tokens)`; seed int32
        scalar.

    Raises:
        ConfigError: the policy has no `divergence`.
    """
    if r_drop and not hasattr(policy, "divergence"):
        raise ConfigError(
            "r_drop must be 0 for a policy without the method `divergence`. Received: "
            f"r_drop={r_drop} for a {type(policy).__name__}. Leave it out, or take one "
            "of the models of nutgraf."
        )

    def summed(values: list[Array], batch: Batch, seed: Array) -> tuple[Array, Any]:
        dropouts = [Dropout(rate, seed)]
        if r_drop:
            dropouts.append(Dropout(rate, hash_counters(seed, _SECOND)))
        loss, nll, count = _token_losses(
            policy, values, batch, smoothing, dropouts, r_drop
        )
        return loss, (nll, count)

    def gradients(values: list[Array], batch: Batch, seed: Array) -> Any:
        (_, (nll, count)), grads = value_and_grad(summed)(values, batch, seed)
        return grads, nll, count

    return jit(gradients)


def add_gradients() -> Compiled:
    """Compile the sum of two gradients."""
    return jit(lambda a, b: [x + y for x, y in zip(a, b, strict=True)])


def apply_step(optimizer: AdamW, clip_norm: float, names: Sequence[str]) -> Compiled:
    """Compile an update from summed gradients.

    Args:
        optimizer: its settings.
        clip_norm: largest norm of the mean gradient; 0 = no limit.
        names: of the weights; those of biases do not decay.

    Returns:
        `(values, state, summed gradients, count, learning rate) -> (values, state,
        gradient norm)`; count and rate are float32 scalars.
    """

    def apply(
        values: list[Array],
        state: OptimizerState,
        grads: list[Array],
        count: Array,
        rate: Array,
    ) -> Any:
        mean = [grad / ops.maximum(count, 1.0) for grad in grads]
        clipped, norm = clip_by_global_norm(mean, clip_norm)
        values, state = optimizer.update(values, clipped, state, rate, names)
        return values, state, norm

    return jit(apply)


def evaluation_step(policy: Any) -> Compiled:
    """Compile the loss without dropout or smoothing.

    Args:
        policy: the policy.

    Returns:
        `(values, batch) -> (nll sum in nats, number of tokens)`.
    """

    def evaluate(values: list[Array], batch: Batch) -> tuple[Array, Array]:
        _, nll, count = _token_losses(policy, values, batch, 0.0, [Dropout(0.0, None)])
        return nll, count

    return jit(evaluate)
