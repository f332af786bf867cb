"""What `Processors` do to log-probs: one piece of code for sampler and scorer.

Order: forbid (minimum length, repeated n-grams), temperature, top-k, top-p, normalise.
Top-k and top-p (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration",
arXiv 1904.09751) keep a *support*. The scorer is given the sampler's support as bits
and normalises on it, so a policy ratio compares two distributions on the same actions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import EOS, Processors

__all__ = ["pack_support", "process", "repeated_ngrams", "unpack_support"]

Array = Any

FORBIDDEN = -1e9
"""Log-prob of a forbidden action; finite, so that no gradient becomes NaN."""


def repeated_ngrams(actions: Array, times: Array, size: int, vocabulary: int) -> Array:
    """Return which actions would complete an n-gram that the text already holds.

    Args:
        actions: (R, T) int32, texts; only actions before the asked time count.
        times: (Q,) int32, the positions asked about.
        size: n >= 1.
        vocabulary: V.

    Returns:
        (R, Q, V) bool, True = would repeat.
    """
    rows, length = ops.shape(actions)
    starts = np.arange(length, dtype="int32")  # n-gram j covers j .. j+n-1
    ends = ops.convert_to_tensor(starts + size - 1)
    matches = ends[None, :] < times[:, None]  # (Q, T): lies before
    matches = ops.broadcast_to(matches[None], (rows, ops.shape(times)[0], length))
    for offset in range(size - 1):
        in_past = ops.take(actions, np.minimum(starts + offset, length - 1), axis=1)
        at = ops.clip(times - (size - 1) + offset, 0, length - 1)
        in_suffix = ops.take(actions, at, axis=1)  # (R, Q)
        matches = ops.logical_and(matches, in_past[:, None, :] == in_suffix[:, :, None])
    matches = ops.logical_and(matches, (times >= size - 1)[None, :, None])
    last = ops.take(actions, np.minimum(starts + size - 1, length - 1), axis=1)
    return count_into(ops.cast(matches, "float32"), last[:, None, :], vocabulary) > 0


def count_into(weights: Array, ids: Array, size: int) -> Array:
    """Add weights up by id.

    Args:
        weights: (R, Q, S) float32.
        ids: (R, 1, S) or (R, Q, S) int32 in [0, size).
        size: number of different ids.

    Returns:
        (R, Q, size) float32.
    """
    rows, queries, length = ops.shape(weights)
    row = ops.arange(rows * queries, dtype="int32")[:, None] * size
    ids = ops.broadcast_to(ids, (rows, queries, length))
    flat = row + ops.reshape(ops.cast(ids, "int32"), (rows * queries, length))
    summed = ops.scatter(
        ops.reshape(flat, (-1, 1)),
        ops.reshape(weights, (-1,)),
        (rows * queries * size,),
    )
    return ops.reshape(summed, (rows, queries, size))


def _top_k(log_probs: Array, count: int) -> Array:
    smallest = ops.top_k(log_probs, count)[0][..., -1:]
    return log_probs >= smallest


def _top_p(log_probs: Array, mass: float) -> Array:
    probs = ops.softmax(log_probs, axis=-1)
    ordered = ops.flip(ops.sort(probs, axis=-1), axis=-1)
    before = ops.cumsum(ordered, axis=-1) - ordered  # mass of the likelier ones
    # the smallest probability that is still needed; the likeliest always is
    needed = ops.min(ops.where(before < mass, ordered, 2.0), axis=-1, keepdims=True)
    return probs >= needed


def pack_support(kept: Array) -> Array:
    """Pack a bool mask over actions into bits.

    Args:
        kept: (..., V) bool.

    Returns:
        (..., ceil(V / 32)) int32.
    """
    size = kept.shape[-1]
    words = -(-size // 32)
    padding = [(0, 0)] * (len(kept.shape) - 1) + [(0, words * 32 - size)]
    bits = ops.pad(ops.cast(kept, "int32"), padding)
    bits = ops.reshape(bits, (*ops.shape(kept)[:-1], words, 32))
    weights = (np.uint32(1) << np.arange(32, dtype=np.uint32)).astype(np.int32)
    total = ops.sum(bits * ops.convert_to_tensor(weights), axis=-1)
    return ops.cast(total, "int32")


def unpack_support(packed: Array, size: int) -> Array:
    """Unpack bits to the bool mask of `pack_support`.

    Args:
        packed: (..., ceil(V / 32)) int32.
        size: V.

    Returns:
        (..., V) bool.
    """
    shifts = ops.arange(32, dtype="int32")
    bits = ops.bitwise_and(ops.right_shift(packed[..., None], shifts), 1)
    return ops.reshape(bits, (*ops.shape(packed)[:-1], -1))[..., :size] > 0


def process(
    log_probs: Array,
    processors: Processors,
    actions: Array,
    times: Array,
    support: Array | None = None,
) -> tuple[Array, Array | None]:
    """Return the log-probs that are really drawn from.

    Args:
        log_probs: (R, Q, V) float32 nats, as the model gives them.
        processors: the static settings.
        actions: (R, T) int32, the texts; at time t only actions before t are read.
        times: (Q,) int32, position of each of the Q distributions.
        support: (R, Q, V) bool; given, it stands in for top-k and top-p.

    Returns:
        (R, Q, V) float32 nats, normalised on what is left, and the (R, Q, V) bool
        support, None when nothing is filtered.
    """
    if processors.plain:
        return log_probs, None
    vocabulary = log_probs.shape[-1]
    if processors.min_length:
        ending = ops.arange(vocabulary) == EOS
        early = ops.logical_and(times[:, None] < processors.min_length, ending[None])
        log_probs = ops.where(early[None], FORBIDDEN, log_probs)
    if processors.no_repeat_ngram:
        repeated = repeated_ngrams(
            actions, times, processors.no_repeat_ngram, vocabulary
        )
        log_probs = ops.where(repeated, FORBIDDEN, log_probs)
    log_probs = log_probs / processors.temperature
    if support is None and processors.filters:
        support = ops.ones_like(log_probs, dtype="bool")
        if processors.top_k:
            support = _top_k(log_probs, min(processors.top_k, vocabulary))
        if processors.top_p < 1.0:
            left = ops.where(support, log_probs, FORBIDDEN)
            support = ops.logical_and(support, _top_p(left, processors.top_p))
    if support is not None:
        log_probs = ops.where(support, log_probs, FORBIDDEN)
    return ops.log_softmax(log_probs, axis=-1), support
