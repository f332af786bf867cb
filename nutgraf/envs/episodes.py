"""Texts that are written side by side, one action at a time, and what they earn.

The common core of the environment and of its vector version: plain arrays, no
Gymnasium. An episode is one text. What an action sequence earns here is what the same
actions earn in a `Rollout` (`nutgraf.rl.rollouts.rewarded`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import EOS, PAD
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Reward, score_completions

__all__ = ["Episodes"]


class Episodes:
    """N texts in progress.

    Args:
        rows: what may be written about.
        codec: a `nutgraf.models.codec.TextCodec`.
        reward: the judge of texts; a text it does not apply to (None) earns 0.
        count: N.
        length: most actions per text; None = the codec's limit.
        shaped: pay each action for what it changes, see `advance`.

    Attributes:
        row: (N,) int64, the row of each text.
        source: (N, S) int32, its document, `PAD` behind.
        actions: (N, T) int32, what was written so far, `PAD` behind.
        taken: (N,) int32, number of actions so far.

    Raises:
        ConfigError: there are no rows, or the length is out of range.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        codec: Any,
        reward: Reward,
        count: int = 1,
        length: int | None = None,
        shaped: bool = False,
    ) -> None:
        """Start with empty texts about the first row."""
        self.length = codec.max_target if length is None else length
        if not rows or count < 1 or not 1 <= self.length <= codec.max_target:
            raise ConfigError(
                "An environment needs at least one row, one text at a time, and "
                f"1 <= length <= {codec.max_target}, the codec's limit. Received: "
                f"{len(rows)} rows, {count} texts, length={length}. Give rows; leave "
                "the others out for one text and the codec's limit."
            )
        self.rows, self.codec, self.reward, self.shaped = rows, codec, reward, shaped
        self.row = np.zeros(count, np.int64)
        self.source = np.full((count, codec.max_source), PAD, np.int32)
        self.actions = np.full((count, self.length), PAD, np.int32)
        self.taken = np.zeros(count, np.int32)
        self._worth = np.zeros(count)  # the potential of the text so far

    def start(self, which: np.ndarray, rows: np.ndarray) -> None:
        """Begin new texts.

        Args:
            which: (n,) int, the places in which they are written.
            rows: (n,) int, numbers of the rows they are about.
        """
        chosen = [self.rows[int(number)] for number in rows]
        self.row[which] = rows
        batch = self.codec.batch(chosen, self.codec.max_source)
        self.source[which] = batch.source_ids
        self.actions[which] = PAD
        self.taken[which] = 0
        if self.shaped:
            self._worth[which] = self._judge(which)

    def advance(
        self, which: np.ndarray, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Write the next actions of some texts.

        A text ends with the end action or when it is full; what follows the end in a
        chunk is ignored. It earns its reward then, and nothing before. If `shaped`,
        each step earns besides by how much it raised the worth of the text, the worth
        being the reward of the text so far, and 0 once it has ended (potential-based
        shaping, Ng et al. 1999, with discount 1). So the return is the reward less the
        worth of the empty text, whatever is written, and the best policy stays so.

        Args:
            which: (n,) int, the places of the texts.
            actions: (n, k) int, k actions each.

        Returns:
            (n,) float64 rewards, (n,) bool ended by the end action, (n,) bool cut by
            the length.
        """
        ended = np.zeros(len(which), bool)
        for action in np.asarray(actions, np.int32).T:
            going = ~ended & (self.taken[which] < self.length)
            places = which[going]
            self.actions[places, self.taken[places]] = action[going]
            self.taken[places] += 1
            ended[going] = action[going] == EOS
        truncated = ~ended & (self.taken[which] >= self.length)
        over = ended | truncated
        rewards = np.zeros(len(which))
        if self.shaped:
            worth = self._judge(which)
            rewards += np.where(over, worth, 0.0)
            after = np.where(over, 0.0, worth)
            rewards += after - self._worth[which]
            self._worth[which] = after
        elif over.any():
            rewards[over] = self._judge(which[over])
        return rewards, ended, truncated

    def texts(self, which: np.ndarray) -> list[str]:
        """Return the texts so far.

        Args:
            which: (n,) int, their places.

        Returns:
            n texts.
        """
        found: list[str] = self.codec.render(None, self.actions[which])
        return found

    def _judge(self, which: np.ndarray) -> np.ndarray:
        """The reward of the texts as they are now; 0 where it does not apply."""
        rows = [self.rows[int(number)] for number in self.row[which]]
        values, _ = score_completions(
            self.reward,
            [row.document for row in rows],
            self.texts(which),
            [row.references for row in rows],
            rows,
        )
        return np.array([0.0 if value is None else value for value in values])
