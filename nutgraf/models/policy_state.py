"""The decoding state of policies that keep one row of caches per text."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from keras import ops, tree

from nutgraf.layers.packing import Grid, Packing

__all__ = ["PolicyState", "reorder_rows", "select_rows", "texts_grid"]

Array = Any


class PolicyState(NamedTuple):
    """Decoding state.

    Attributes:
        caches: a tree of arrays with leading axis N, the texts that go on.
        time: int32 scalar, number of actions so far.
        packing: which of the P·G texts these are; () = all of them.
    """

    caches: Any
    time: Array
    packing: Any = ()


def texts_grid(prompts: int, state: PolicyState, last: Array) -> Grid:
    """Return how the texts of a state belong to prompts.

    Args:
        prompts: P.
        state: the state.
        last: the last actions: (P, G), or (N,) of selected texts.

    Returns:
        A grid of shape (P, G).
    """
    packing = state.packing or None
    texts = math.prod(last.shape) if packing is None else packing.places.shape[0]
    return Grid((prompts, texts // prompts), packing)


def select_rows(state: PolicyState, packing: Packing) -> PolicyState:
    """Go on with some of the texts only.

    Args:
        state: of all texts, or of some.
        packing: the texts that go on, among those of the state.

    Returns:
        Their state.
    """
    rows = packing.tokens
    if state.packing:
        rows = ops.take(state.packing.places, rows)
    return PolicyState(_take(state.caches, rows), state.time, packing)


def reorder_rows(state: PolicyState, parents: Array) -> PolicyState:
    """Let samples go on from other samples of their prompt.

    Args:
        state: of all texts.
        parents: (P, G) int32.

    Returns:
        The state in the new order.
    """
    prompts, samples = parents.shape
    offsets = ops.arange(prompts, dtype="int32")[:, None] * samples
    rows = ops.reshape(ops.convert_to_tensor(parents) + offsets, (-1,))
    return state._replace(caches=_take(state.caches, rows))


def _take(caches: Any, rows: Array) -> Any:
    return tree.map_structure(lambda array: ops.take(array, rows, axis=0), caches)
