"""Rows to arrays, and actions that are word pieces back to texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nutgraf.arrays import EOS, PAD, Batch
from nutgraf.data.rows import Row, row_number

__all__ = ["Codec", "TextCodec", "pad_ids", "round_up"]


class Codec(Protocol):
    """Turns rows into a `Batch` and actions into texts.

    Attributes:
        max_source: longest source in tokens; what is longer is cut.
        max_target: longest text in actions, the end among them.
    """

    max_source: int
    max_target: int

    def batch(self, rows: Sequence[Row]) -> Batch:
        """Return the rows as arrays.

        Args:
            rows: P rows.

        Returns:
            The batch.
        """

    def render(self, batch: Batch, actions: Any) -> list[str]:
        """Return the text of each action sequence.

        Args:
            batch: the P prompts.
            actions: (P, ..., T) int32.

        Returns:
            The texts in C order, prompts outermost.
        """


def round_up(length: int, step: int, limit: int) -> int:
    """Round a length up to a multiple of `step`, at most `limit`.

    Args:
        length: 0 counts as 1.
        step: int >= 1.
        limit: largest length returned, whether a multiple or not.

    Returns:
        The rounded length.

    Example:
        >>> round_up(17, 16, 100), round_up(99, 16, 100)
        (32, 100)
    """
    return min(-(-max(length, 1) // step) * step, limit)


def pad_ids(ids: Sequence[Sequence[int]], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Lay id lists side by side, cut and padded to one length.

    Args:
        ids: N lists.
        length: L.

    Returns:
        (N, L) int32 ids, `PAD` where a list has ended, and the (N, L) bool mask.
    """
    table = np.full((len(ids), length), PAD, np.int32)
    for row, values in enumerate(ids):
        kept = values[:length]
        table[row, : len(kept)] = kept
    counts = np.array([min(len(values), length) for values in ids], np.int64)
    return table, np.arange(length)[None, :] < counts[:, None]


class TextCodec:
    """Codec of a tokenizer, with the length limits of a model.

    Lengths are rounded up to a few sizes, so that few shapes are ever compiled.

    Args:
        tokenizer: a `nutgraf.text.tokenizer.Tokenizer`.
        max_source: longest source in tokens; what is longer is cut.
        max_target: longest text in actions, the end among them.
        source_step: sources are padded to a multiple of this.
    """

    target_step = 8

    def __init__(
        self, tokenizer: Any, max_source: int, max_target: int, source_step: int = 32
    ) -> None:
        """Keep the limits."""
        self.tokenizer = tokenizer
        self.max_source = max_source
        self.max_target = max_target
        self.source_step = source_step

    def batch(self, rows: Sequence[Row], source_length: int | None = None) -> Batch:
        """Encode rows.

        Args:
            rows: P rows; the first reference is the target, an absent one is empty.
            source_length: S; by default the longest source, rounded up.

        Returns:
            The batch.
        """
        sources = self.tokenizer.encode_batch([row.document for row in rows])
        references = [row.references[0] if row.references else "" for row in rows]
        targets = [[*ids, EOS] for ids in self.tokenizer.encode_batch(references)]
        longest = max((len(ids) for ids in sources), default=1)
        source_length = source_length or round_up(
            longest, self.source_step, self.max_source
        )
        target_length = round_up(
            max((len(ids) for ids in targets), default=1),
            self.target_step,
            self.max_target,
        )
        source_ids, source_mask = pad_ids(sources, source_length)
        target_ids, target_mask = pad_ids(targets, target_length)
        numbers = np.array([row_number(row.id) for row in rows], np.int32)
        return Batch(numbers, source_ids, source_mask, target_ids, target_mask)

    def render(self, batch: Batch, actions: Any) -> list[str]:
        """Decode actions up to the end action.

        Args:
            batch: unused: a word piece means the same for every source.
            actions: (..., T) int32.

        Returns:
            One text for each sequence, in C order.
        """
        del batch
        flat = np.asarray(actions).reshape(-1, np.asarray(actions).shape[-1])
        return [text.strip() for text in self.tokenizer.decode_batch(flat.tolist())]
