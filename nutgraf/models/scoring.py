"""Log-probs of given actions, a chunk of distributions at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from nutgraf.arrays import EOS, Processors, Scored
from nutgraf.backend import chunked
from nutgraf.layers.processors import process, unpack_support

__all__ = ["chunks", "in_chunks", "of_actions", "score_full", "score_known"]

Array = Any

LARGEST_CHUNK = 2**22
"""Number of (token, vocabulary) scores that are held at once."""


def chunks(length: int, per_step: int) -> list[slice]:
    """Split steps so that a chunk holds at most `LARGEST_CHUNK` scores.

    Args:
        length: number of steps.
        per_step: scores of one step.

    Returns:
        The slices, in order; each is one step at least.
    """
    size = max(1, LARGEST_CHUNK // max(per_step, 1))
    return [slice(start, start + size) for start in range(0, length, size)]


def _score_all(
    log_probs: Array,
    actions: Array,
    history: Array,
    times: Array,
    processors: Processors,
    support: Array | None,
) -> tuple[Array, Array]:
    """Log-probs and entropies (R, Q) of actions under processed distributions."""
    final, _ = process(log_probs, processors, history, times, support)
    chosen = ops.take_along_axis(final, actions[..., None], axis=-1)[..., 0]
    probs = ops.exp(final)
    entropy = -ops.sum(ops.where(probs > 0, probs * final, 0.0), axis=-1)
    return chosen, entropy


def score_full(
    log_probs_of: Callable[[Array, Array], Array],
    shared: Array,
    rows: Array,
    actions: Array,
    processors: Processors,
    vocabulary_size: int,
    support: Array | None,
) -> Scored:
    """Score with whole distributions, a chunk of steps at a time.

    Args:
        log_probs_of: `(shared, rows (P·G, Q, F)) -> (P·G, Q, V)` log-probs of Q steps;
            it captures nothing that needs a gradient.
        shared: what all steps read; gradients flow to it.
        rows: (P, G, T, F) float, what the distribution of each step is made of;
            gradients flow to it.
        actions: (P, G, T) int32.
        processors: the static settings.
        vocabulary_size: V.
        support: (P, G, T, ceil(V / 32)) int32 bits, or None.

    Returns:
        Log-probs and entropies.
    """
    shape = tuple(actions.shape)
    texts, length = shape[0] * shape[1], shape[2]
    flat = ops.cast(ops.reshape(actions, (texts, length)), "int32")
    times = ops.broadcast_to(ops.arange(length, dtype="int32"), (texts, length))
    numbers = [flat[..., None], times[..., None]]
    if support is not None:
        numbers.append(ops.reshape(support, (texts, length, -1)))

    def chunk(shared: Array, rows: Array, numbers: Array) -> Array:
        rows, numbers = _swapped(rows), _swapped(numbers)  # (P·G, Q, ...)
        kept = None
        if support is not None:
            kept = unpack_support(numbers[..., 2:], vocabulary_size)
        scores = _score_all(
            log_probs_of(shared, rows),
            numbers[..., 0],
            flat,
            numbers[0, :, 1],
            processors,
            kept,
        )
        return _swapped(ops.stack(scores, axis=-1))

    found = in_chunks(
        chunk,
        shared,
        _swapped(ops.reshape(rows, (texts, length, -1))),
        _swapped(ops.concatenate(numbers, axis=-1)),
        texts * vocabulary_size,
    )  # (T, P·G, 2)
    both = ops.reshape(ops.transpose(found, (2, 1, 0)), (2, *shape))
    return Scored(both[0], both[1])


def score_known(
    log_probs: Array, actions: Array, processors: Processors, support: Array | None
) -> Scored:
    """Score with whole distributions that are there already.

    Args:
        log_probs: (P, G, T, V) float nats; gradients flow to them.
        actions: (P, G, T) int32.
        processors: the static settings.
        support: (P, G, T, ceil(V / 32)) int32 bits, or None.

    Returns:
        Log-probs and entropies.
    """
    return score_full(
        lambda _, rows: rows,
        ops.zeros((1,)),  # the chunks share nothing
        log_probs,
        actions,
        processors,
        log_probs.shape[-1],
        support,
    )


def _swapped(x: Array) -> Array:
    """(A, B, C) -> (B, A, C)."""
    return ops.transpose(x, (1, 0, 2))


def in_chunks(
    function: Callable[..., Array],
    shared: Array,
    rows: Array,
    numbers: Array,
    per_row: int,
) -> Array:
    """Apply a function to rows, so many at a time that memory stays small.

    Args:
        function: `(shared, rows (C, ...), numbers (C, ...)) -> (C, ...)`; it captures
            nothing that needs a gradient.
        shared: what all rows read; gradients flow to it.
        rows: (N, ...) float; gradients flow to them.
        numbers: (N, ...) int32.
        per_row: scores that the function holds for a row.

    Returns:
        (N, ...).
    """
    length = rows.shape[0]
    count = len(chunks(length, per_row))
    size = -(-length // count)
    space = count * size - length  # the last chunk is filled up

    def split(x: Array) -> Array:
        padded = ops.pad(x, [(0, space)] + [(0, 0)] * (len(x.shape) - 1))
        return ops.reshape(padded, (count, size, *x.shape[1:]))

    found = chunked(function, shared, split(rows), split(numbers))
    return ops.reshape(found, (count * size, *found.shape[2:]))[:length]


def of_actions(logits: Array, actions: Array, mean: bool) -> Array:
    """Return the log-probs of given actions, and the vocabulary's mean.

    Args:
        logits: (N, V) float32.
        actions: (N,) int32.
        mean: whether the mean over the vocabulary of the log-probs is wanted too.

    Returns:
        (N, 1) or (N, 2) float32 nats.
    """
    normaliser = ops.logsumexp(logits, axis=-1)
    found = [ops.take_along_axis(logits, actions[:, None], axis=-1)[:, 0] - normaliser]
    if mean:
        found.append(ops.mean(logits[:, EOS:], axis=-1) - normaliser)  # no PAD, no BOS
    return ops.stack(found, axis=-1)
