"""Texts of a policy for many rows: greedy, beam search or samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import Batch, Processors
from nutgraf.data.rows import Row
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler
from nutgraf.training.log import progress_bar

__all__ = ["Generator", "write_texts"]


class Generator:
    """Writes one text per row, in batches of similar length and few shapes.

    Args:
        policy: the policy.
        beams: 1 = greedy, more = beam search.
        rows: rows per batch.
        length: most actions per text; None = the model's limit.
        length_penalty: of beam search.
        processors: minimum length, n-gram blocking; with top-k, top-p or another
            temperature and one beam, texts are sampled.
        seed: of sampling.
        sample: draw texts where the processors change nothing, too.
    """

    def __init__(
        self,
        policy: Any,
        beams: int = 1,
        rows: int = 64,
        length: int | None = None,
        length_penalty: float = 1.0,
        processors: Processors = Processors(),  # noqa: B008 - frozen
        seed: int = 0,
        sample: bool = False,
    ) -> None:
        """Build the search; it compiles at the first batch of each shape."""
        self.policy = policy
        self.rows = rows
        self.seed = seed
        length = length or policy.codec.max_target
        self._beam: BeamSearch | None = None
        if beams > 1:
            self._beam = BeamSearch(policy, beams, length, length_penalty, processors)
            return
        drawn = sample or processors.filters or processors.temperature != 1.0
        self._sampler = Sampler(policy, 1, length, processors, greedy=not drawn)

    def __call__(
        self,
        rows: Sequence[Row],
        values: Sequence[Any] | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> list[str]:
        """Write the texts.

        Args:
            rows: what to read.
            values: weights; by default the policy's own.
            advance: called with the number of rows just done.

        Returns:
            One text per row, in order.
        """
        if values is None:
            values = [variable.value for variable in self.policy.variables]
        codec = self.policy.codec
        sizes = [len(row.document) for row in rows]  # characters: near enough to sort
        order = np.argsort(sizes, kind="stable")
        texts = [""] * len(rows)
        for start in range(0, len(rows), self.rows):
            chosen = order[start : start + self.rows]
            filled = np.resize(chosen, self.rows)  # repeat rows: one shape for all
            batch = codec.batch([rows[int(index)] for index in filled])
            batch = batch._replace(
                target_ids=batch.target_ids[:, :1], target_mask=batch.target_mask[:, :1]
            )
            found = self.write(values, batch, [rows[int(index)] for index in filled])
            for index, text in zip(chosen, found, strict=False):
                texts[index] = text
            if advance is not None:
                advance(len(chosen))
        return texts

    def write(
        self, values: Sequence[Any], batch: Batch, rows: Sequence[Row]
    ) -> list[str]:
        """Write the texts of one batch.

        Args:
            values: weights.
            batch: the rows as arrays.
            rows: what is read.

        Returns:
            One text per row.
        """
        del rows
        if self._beam is not None:
            rollout = self._beam(values, batch)
        else:
            rollout = self._sampler(values, batch, self.seed)
        return self.policy.codec.render(batch, rollout.actions)


def write_texts(generator: Generator, rows: Sequence[Row], title: str) -> list[str]:
    """Write one text per row, with a progress bar.

    Args:
        generator: of the policy.
        rows: what to read.
        title: what is going on.

    Returns:
        One text per row, in order.
    """
    with progress_bar(title, len(rows)) as advance:
        return generator(rows, advance=lambda count: advance(count, ""))
