"""The loops of sampling: when half of the texts have ended, half as many go on.

All texts begin in one loop. When no more than half of them are still going, these go on
in a loop of half the size, so that little is computed for texts that have ended; sizes
are fixed, so everything is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree

from nutgraf.arrays import BOS, EOS, PAD
from nutgraf.layers.packing import Packing
from nutgraf.layers.processors import pack_support

__all__ = ["Choice", "Loop", "Texts", "empty_texts", "run_loops"]

Array = Any

SMALLEST = 16
"""Fewer texts than these are not worth a smaller loop."""

MOST = 3
"""At most so many loops: each takes as long to compile as the first."""


class Texts(NamedTuple):
    """N texts, and what has been written of them; T steps.

    Attributes:
        row_ids: (N,) int32, the prompt's.
        samples: (N,) int32, which of the prompt's G texts it is.
        last: (N,) int32, the last action.
        alive: (N,) bool, has not ended.
        actions: (N, T) int32.
        log_probs: (N, T) float32.
        mask: (N, T) bool.
        support: (N, T, W) int32.
    """

    row_ids: Array
    samples: Array
    last: Array
    alive: Array
    actions: Array
    log_probs: Array
    mask: Array
    support: Array


class Loop(NamedTuple):
    """What a loop carries.

    Attributes:
        time: int32 scalar.
        states: the policy's, and its lagged copy's if there is one.
        texts: N texts.
    """

    time: Array
    states: list[Any]
    texts: Texts


class Choice(NamedTuple):
    """What a step chose for N texts.

    Attributes:
        actions: (N,) int32.
        log_probs: (N,) float32 nats.
        support: (N, 1, V) bool, what was kept of the vocabulary; None = all.
        states: after the step.
    """

    actions: Array
    log_probs: Array
    support: Array | None
    states: list[Any]


Advance = Callable[[Loop], Choice]


def empty_texts(row_ids: Array, samples: int, length: int, words: int) -> Texts:
    """Return texts of which nothing is written.

    Args:
        row_ids: (P,) int32.
        samples: G.
        length: T.
        words: W, int32 words of the support.

    Returns:
        P·G texts.
    """
    prompts = row_ids.shape[0]
    count = prompts * samples
    return Texts(
        ops.repeat(ops.convert_to_tensor(row_ids), samples),
        ops.convert_to_tensor(np.tile(np.arange(samples, dtype="int32"), prompts)),
        ops.full((count,), BOS, dtype="int32"),
        ops.ones((count,), dtype="bool"),
        ops.full((count, length), PAD, dtype="int32"),
        ops.zeros((count, length), dtype="float32"),
        ops.zeros((count, length), dtype="bool"),
        ops.zeros((count, length, words), dtype="int32"),
    )


def run_loops(
    advance: Advance,
    select: Callable[[Any, Packing], Any],
    states: list[Any],
    texts: Texts,
) -> Texts:
    """Write texts until all have ended.

    Args:
        advance: chooses the next action of each text.
        select: the policy's.
        states: before the first action.
        texts: of `empty_texts`, with as many samples for each prompt.

    Returns:
        The texts.
    """
    count, length = texts.actions.shape
    sizes = [count]
    while len(sizes) < MOST and sizes[-1] // 2 >= SMALLEST:
        sizes.append(sizes[-1] // 2)
    loop = Loop(ops.convert_to_tensor(np.int32(0)), states, texts)
    packing: Packing | None = None
    for size, enough in zip(sizes, [*sizes[1:], 0], strict=True):
        if size < count:
            packing = _going_first(texts.alive, size, packing)
            states = [select(state, packing) for state in loop.states]
            some = tree.map_structure(
                lambda part, rows=packing.tokens: ops.take(part, rows, axis=0), texts
            )
            loop = Loop(loop.time, states, some)
        loop = _run(advance, loop, enough, length)
        texts = loop.texts if packing is None else _put(texts, loop.texts, packing)
    return texts


def _run(advance: Advance, loop: Loop, enough: int, length: int) -> Loop:
    """Go on until no more than `enough` texts do, or all are as long as can be."""

    def goes_on(*carried: Any) -> Array:
        loop = Loop(*carried)
        going = ops.sum(ops.cast(loop.texts.alive, "int32"))
        return ops.logical_and(going > enough, loop.time < length)

    def body(*carried: Any) -> Loop:
        loop = Loop(*carried)
        choice = advance(loop)
        return Loop(loop.time + 1, choice.states, _written(loop, choice))

    return Loop(*ops.while_loop(goes_on, body, loop))


def _written(loop: Loop, choice: Choice) -> Texts:
    """Write an action of each text that has not ended."""
    texts, alive = loop.texts, loop.texts.alive
    actions = ops.where(alive, choice.actions, PAD)
    chosen = ops.where(alive, choice.log_probs, 0.0)
    at = (0, loop.time)
    support = texts.support
    if choice.support is not None:
        packed = pack_support(choice.support)
        support = ops.slice_update(support, (*at, 0), packed)
    return texts._replace(
        last=actions,
        alive=ops.logical_and(alive, actions != EOS),
        actions=ops.slice_update(texts.actions, at, actions[:, None]),
        log_probs=ops.slice_update(texts.log_probs, at, chosen[:, None]),
        mask=ops.slice_update(texts.mask, at, alive[:, None]),
        support=support,
    )


def _going_first(alive: Array, size: int, before: Packing | None) -> Packing:
    """Choose `size` texts of those before: first those that have not ended."""
    last = ops.cast(ops.logical_not(alive), "int32")
    if before is not None:
        last += ops.cast(before.places >= before.tokens.shape[0], "int32")
    order = ops.cast(ops.argsort(last), "int32")  # stable
    rank = ops.cast(ops.argsort(order), "int32")
    return Packing(order[:size], ops.where(rank < size, rank, size))


def _put(texts: Texts, some: Texts, packing: Packing) -> Texts:
    """Put the texts that went on back among all."""
    size = packing.tokens.shape[0]
    went_on = packing.places < size
    places = ops.minimum(packing.places, size - 1)

    def put(old: Array, new: Array) -> Array:
        shape = (-1,) + (1,) * (len(old.shape) - 1)
        found = ops.take(new, places, axis=0)
        return ops.where(ops.reshape(went_on, shape), found, old)

    return tree.map_structure(put, texts, some)
