"""Dense layers see only the tokens that count; attention sees whole texts.

Texts of unequal length lie in a grid of rows and steps, and what follows a text's end
is padding. Everything but attention treats each token by itself, so it works on the
list of tokens that count: `Grid.collect` takes them out of the grid, `Grid.spread` puts
them back. Either is the transpose of the other, so both directions of a gradient are
gathers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.backend import linear

__all__ = ["Grid", "Packing", "packed_size", "packing_of"]

Array = Any

SHARES = (1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4)
"""Sizes of the list as shares of the grid; each is compiled when it is first met."""


class Packing(NamedTuple):
    """Which tokens of a grid of M tokens stand where in a list of N.

    Attributes:
        tokens: (N,) int32, the token's number in the grid, row by row; M for a filler.
        places: (M,) int32, the token's place in the list; N for one that is left out.
    """

    tokens: Array
    places: Array


def packed_size(masks: Sequence[np.ndarray]) -> int:
    """Choose one size of list for grids of one shape.

    Args:
        masks: bool arrays of one shape, True = this token counts.

    Returns:
        The smallest size of a fixed few that holds each; that of the grid when no
        smaller one does.
    """
    grid = masks[0].size
    most = max(int(mask.sum()) for mask in masks)
    sizes = (int(np.ceil(share * grid)) for share in SHARES)
    return next((size for size in sizes if size >= most), grid)


def packing_of(mask: np.ndarray, size: int) -> Packing | None:
    """Number the tokens that count.

    Args:
        mask: bool array of any shape, True = this token counts.
        size: N, of `packed_size`.

    Returns:
        The packing, as numpy arrays; None when the list is as long as the grid.
    """
    if size >= mask.size:
        return None
    flat = np.flatnonzero(mask)
    tokens = np.full(size, mask.size, "int32")
    tokens[: len(flat)] = flat
    places = np.full(mask.size, size, "int32")
    places[flat] = np.arange(len(flat), dtype="int32")
    return Packing(tokens, places)


def _take(x: Array, index: Array) -> Array:
    """Rows of x (L, ...) by index; zeros where the index is L."""
    length = ops.shape(x)[0]
    inside = index < length
    found = ops.take(x, ops.minimum(index, length - 1), axis=0)
    shape = (-1,) + (1,) * (len(x.shape) - 1)
    return ops.where(ops.reshape(inside, shape), found, ops.zeros_like(found))


@dataclass(frozen=True)
class Grid:
    """How a list of tokens lies in a grid.

    Attributes:
        shape: of the grid, such as (R, L): R rows of L tokens.
        packing: which tokens are in the list; None = all, row by row.
    """

    shape: tuple[Any, ...]
    packing: Packing | None = None

    @property
    def rows(self) -> Array:
        """Return the first index of each token's place: (N,) int32."""
        size = math.prod(self.shape[1:])
        if self.packing is None:
            return np.repeat(np.arange(self.shape[0], dtype="int32"), size)
        return self.packing.tokens // size

    def spread(self, x: Array) -> Array:
        """Put the list into the grid.

        Args:
            x: (N, ...).

        Returns:
            (*shape, ...); zeros where no token is.
        """
        if self.packing is not None:
            tokens, places = self.packing
            x = linear(lambda a: _take(a, places), lambda a: _take(a, tokens))(x)
        return ops.reshape(x, (*self.shape, *x.shape[1:]))

    def collect(self, x: Array) -> Array:
        """Take the list out of the grid.

        Args:
            x: (*shape, ...).

        Returns:
            (N, ...); zeros for fillers.
        """
        flat = ops.reshape(x, (-1, *x.shape[len(self.shape) :]))
        if self.packing is None:
            return flat
        tokens, places = self.packing
        return linear(lambda a: _take(a, tokens), lambda a: _take(a, places))(flat)
