"""Which prompts an update draws: a pure function of (lengths, seed, update).

Prompts of similar length are drawn together, so that a batch holds little padding and
only a few shapes are ever compiled.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import DataError

__all__ = ["PromptPlan", "PromptSchedule", "schedule_prompts"]

CHUNK = 512
"""Documents that are encoded at once; of each only its length is kept."""


class PromptPlan(NamedTuple):
    """The prompts of one update.

    Attributes:
        rows: (P,) indices into the data.
        source_length: S to which their sources are padded or cut.
    """

    rows: np.ndarray
    source_length: int


class PromptSchedule:
    """Passes over the data in batches of P prompts, shuffled anew each pass.

    Args:
        lengths: (N,) source length of each row in tokens.
        prompts: P >= 1.
        bounds: rising source lengths; a row belongs to the first that holds it, a
            longer one is cut to the last.
        seed: run seed.

    Raises:
        DataError: there are fewer rows than prompts.
    """

    def __init__(
        self, lengths: Sequence[int], prompts: int, bounds: Sequence[int], seed: int
    ) -> None:
        """Sort the rows into their length classes."""
        lengths = np.minimum(np.asarray(lengths), bounds[-1])
        if len(lengths) < prompts:
            raise DataError(
                f"RL needs at least as many rows as prompts per update ({prompts}). "
                f"Received: {len(lengths)} rows. Lower `prompts`."
            )
        self.prompts = prompts
        self.bounds = tuple(int(bound) for bound in bounds)
        self.seed = seed
        self._class = np.searchsorted(np.asarray(self.bounds), lengths)
        self._passes: dict[int, list[PromptPlan]] = {}

    def plan(self, update: int) -> PromptPlan:
        """Return the prompts of an update.

        Args:
            update: int >= 0.

        Returns:
            The plan.
        """
        number, place = divmod(update, len(self._pass(0)))
        return self._pass(number)[place]

    def _pass(self, number: int) -> list[PromptPlan]:
        if number not in self._passes:
            self._passes = {0: self._passes.get(0) or self._shuffled(0)}
            self._passes[number] = self._shuffled(number)
        return self._passes[number]

    def _shuffled(self, number: int) -> list[PromptPlan]:
        """One pass; rows left over in a class join the class above it."""
        random = np.random.Generator(np.random.Philox([self.seed, number, 0x5EED]))
        plans: list[PromptPlan] = []
        carried = np.zeros(0, np.int64)
        for place, bound in enumerate(self.bounds):
            rows = np.concatenate([carried, np.flatnonzero(self._class == place)])
            rows = random.permutation(rows)
            whole = len(rows) // self.prompts * self.prompts
            for start in range(0, whole, self.prompts):
                plans.append(PromptPlan(rows[start : start + self.prompts], bound))
            carried = rows[whole:]
        return [plans[index] for index in random.permutation(len(plans))]


def schedule_prompts(
    rows: Sequence[Row], codec: Any, prompts: int, bounds: Sequence[int], seed: int
) -> PromptSchedule:
    """Find the lengths of sources, and schedule the rows by them.

    Args:
        rows: the data, read a few hundred rows at a time.
        codec: its `source_lengths`, where it has one, or else its tokenizer measures;
            its `max_source` is the longest source.
        prompts: P >= 1.
        bounds: source lengths in any order; those beyond `max_source` do not count.
        seed: run seed.

    Returns:
        The schedule.

    Raises:
        DataError: there are fewer rows than prompts.
    """
    lengths = array("i")
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        if hasattr(codec, "source_lengths"):
            lengths.extend(codec.source_lengths(chunk))
        else:
            documents = [row.document for row in chunk]
            lengths.extend(map(len, codec.tokenizer.encode_batch(documents)))
    top = codec.max_source
    rising = sorted({*(min(top, bound) for bound in bounds), top})
    return PromptSchedule(lengths, prompts, rising, seed)
