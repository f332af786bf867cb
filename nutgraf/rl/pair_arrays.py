"""Preference pairs as arrays: the texts of a prompt, and a table of who beats whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nutgraf.arrays import Batch
from nutgraf.data.pair_groups import PairGroup
from nutgraf.data.rows import Row
from nutgraf.models.texts import actions_of, text_ids

__all__ = ["PairArrays", "PairTable"]

Array = Any


class PairArrays(NamedTuple):
    """The texts of P prompts, at most G each, and their order.

    Attributes:
        batch: the prompts.
        actions: (P, G, T) int32.
        mask: (P, G, T) bool; none is set where a prompt has fewer texts.
        wins: (P, G, G) float32, how often text i was preferred to text j.
        margins: (P, G, G) float32, by how much, on average; 0 where it was not.
    """

    batch: Batch
    actions: Array
    mask: Array
    wins: Array
    margins: Array


class PairTable:
    """Groups of pairs, encoded once and laid into arrays of few shapes.

    Args:
        groups: the groups.
        codec: a `TextCodec`.

    Attributes:
        rows: one per group; its id is the group's number.
        source_lengths: (N,) tokens of each prompt, before cutting.
        most: the most texts of a group.
        longest: actions of the longest text, before cutting.
    """

    def __init__(self, groups: Sequence[PairGroup], codec: Any) -> None:
        """Encode all texts."""
        self.codec = codec
        self.rows = [
            Row(str(number), group.prompt) for number, group in enumerate(groups)
        ]
        sources = codec.tokenizer.encode_batch([group.prompt for group in groups])
        self.source_lengths = np.array([len(ids) for ids in sources], np.int64)
        self._texts = [text_ids(codec.tokenizer, group.texts) for group in groups]
        self._wins = [group.wins for group in groups]
        self.most = max((len(texts) for texts in self._texts), default=0)
        lengths = [len(ids) for texts in self._texts for ids in texts]
        self._lengths = np.array(lengths, np.int64)
        self.longest = max(lengths, default=0)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.rows)

    def cut(self) -> tuple[float, float]:
        """Return the shares of prompts and of texts that the codec cuts, in [0, 1]."""
        sources = int((self.source_lengths > self.codec.max_source).sum())
        texts = int((self._lengths > self.codec.max_target).sum())
        return sources / max(1, len(self)), texts / max(1, len(self._lengths))

    def arrays(
        self, numbers: Sequence[int], batch: Batch, samples: int, length: int
    ) -> PairArrays:
        """Lay some groups side by side.

        Args:
            numbers: of P groups.
            batch: their prompts.
            samples: G, at least the texts of each group.
            length: T; longer texts are cut.

        Returns:
            The arrays.
        """
        actions, mask = actions_of([self._texts[n] for n in numbers], samples, length)
        shape = (len(numbers), samples, samples)
        wins, margins = np.zeros(shape, "float32"), np.zeros(shape, "float32")
        for place, number in enumerate(numbers):
            for better, worse, margin in self._wins[number]:
                wins[place, better, worse] += 1.0
                margins[place, better, worse] += margin
        return PairArrays(batch, actions, mask, wins, margins / np.maximum(wins, 1.0))

    def in_order(
        self, prompts: int, bounds: Sequence[int], samples: int, length: int
    ) -> Iterator[PairArrays]:
        """Go through all groups once, by the length of their prompts.

        Args:
            prompts: P, groups at once; the last batch of a length is filled up with
                groups that count nothing.
            bounds: rising source lengths to pad to; a longer prompt is cut to the last.
            samples: G, at least the texts of each group.
            length: T; longer texts are cut.

        Yields:
            Arrays of P prompts.
        """
        kept = np.minimum(self.source_lengths, bounds[-1])
        places = np.searchsorted(np.asarray(bounds), kept)
        for place, bound in enumerate(bounds):
            own = np.flatnonzero(places == place)
            for start in range(0, len(own), prompts):
                numbers = own[start : start + prompts]
                filled = np.resize(numbers, prompts)
                batch = self.codec.batch([self.rows[n] for n in filled], bound)
                batch = batch._replace(
                    target_ids=batch.target_ids[:, :1],
                    target_mask=batch.target_mask[:, :1],
                )
                given = self.arrays(filled.tolist(), batch, samples, length)
                given.wins[len(numbers) :] = 0.0
                yield given
