"""The reward of the control arm: noise that no policy can learn.

If training on noise lifts a score, the lift came from something other than the reward
(sampling itself, sharper distributions), and the real reward must beat it. Therefore
the number must not depend on the text: a hash of the text would pay the same words the
same each time, which can be learned. It depends on the seed, the update, the row, and
which of the row's samples it is; so it is new in each update, and a resumed run gets
the same numbers again.

Reference: Choshen et al. 2020, "On the Weaknesses of Reinforcement Learning for Neural
Machine Translation", arXiv 1907.01752 (the constant-reward control).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from nutgraf.data.rows import Row
from nutgraf.rewards.base import Values

__all__ = ["RandomReward"]


@dataclass(frozen=True)
class RandomReward:
    """Uniform noise from a hash of (seed, update, row, sample of the row).

    BLAKE2b of the four, as a fraction; the k-th occurrence of a row in the call is its
    sample k. A row is known by its id, or by its prompt when no rows are given. The
    text itself is never read. `score_completions(..., update=n)` sets the update.

    Range: [0, 1), mean 1/2, standard deviation 0.289.

    Attributes:
        seed: of the run.
        update: the update the numbers are for; a caller that leaves it at 0 gets the
            same numbers each time, which can be learned.

    Example:
        >>> reward = RandomReward(seed=1)
        >>> [round(value, 3) for value in reward(["p", "p"], ["a", "a"], [[], []])]
        [0.589, 0.919]
    """

    seed: int
    update: int = 0
    whole_call: ClassVar[bool] = True  # counts the samples of a row

    def at_update(self, update: int) -> RandomReward:
        """Return the same reward with the numbers of another update.

        Args:
            update: its number, >= 0.

        Returns:
            A copy.

        Example:
            >>> RandomReward(seed=1).at_update(7)
            RandomReward(seed=1, update=7)
        """
        return dataclasses.replace(self, update=update)

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        names = prompts if rows is None else [row.id for row in rows]
        seen: Counter[str] = Counter()
        values: Values = []
        for name in names:
            values.append(self._draw(name, seen[name]))
            seen[name] += 1
        return values

    def _draw(self, name: str, sample: int) -> float:
        key = f"{self.seed}/{self.update}/{sample}/{name}".encode()
        digest = hashlib.blake2b(key, digest_size=8).digest()
        return (int.from_bytes(digest, "little") >> 11) / 2.0**53
