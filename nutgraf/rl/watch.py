"""What the guard looks at: greedy texts of a few fixed rows, in numbers.

The rows are not taken out of the training: what is watched is how the policy writes,
not how well it knows a row, and the guard must not change what a run learns. Runs that
have validation rows watch those.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.overlap import copied_share, length_ratio, repetition
from nutgraf.metrics.rouge import KINDS
from nutgraf.rewards.base import OnError, Reward, Values, judge
from nutgraf.rewards.nesting import Wrapped
from nutgraf.rewards.pool import PooledReward
from nutgraf.rewards.product import Product
from nutgraf.rewards.registry import PARTS, make_part
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.rl.guard import METRICS, Guard, GuardSettings, Memory, Verdict
from nutgraf.text.words import WordKind

__all__ = ["Keep", "Watch", "optimised", "unoptimised", "watched_rows"]

Keep = Callable[[Sequence[Row], Sequence[str], int], None]


def watched_rows(rows: Sequence[Row], count: int) -> list[Row]:
    """Choose rows at equal distances, the same for every seed.

    Args:
        rows: what to choose from.
        count: at most so many.

    Returns:
        The rows.

    Example:
        >>> [row.id for row in watched_rows([Row(str(n), "") for n in range(10)], 3)]
        ['0', '3', '6']
    """
    count = min(count, len(rows))
    return [rows[number * len(rows) // count] for number in range(count)]


def _leaves(reward: Reward) -> Iterator[Reward]:
    """The rewards inside of a reward that count; those of weight 0 do not."""
    if isinstance(reward, WeightedSum):
        inner = [part for part, weight in reward.parts.values() if weight]
    elif isinstance(reward, Product):
        inner = [*reward.qualities.values(), *reward.penalties.values()]
    elif isinstance(reward, Wrapped | PooledReward):
        inner = [reward.reward]
    else:
        yield reward
        return
    for part in inner:
        yield from _leaves(part)


def optimised(reward: Reward) -> set[str]:
    """Name the metrics that a reward pays for.

    Args:
        reward: any reward; what a function of one's own computes is not known.

    Returns:
        Names of the registry; those of ROUGE with `_precision` or `_recall` behind,
        unless they are F1.

    Example:
        >>> sorted(optimised(RougeReward(rougeL=0.0)))
        ['rouge1', 'rouge2']
        >>> optimised(RougeReward(rouge2=0, rougeL=0, measure="recall"))
        {'rouge1_recall'}
    """
    found = set()
    for leaf in _leaves(reward):
        if isinstance(leaf, RougeReward):
            behind = "" if leaf.measure == "f1" else f"_{leaf.measure}"
            found |= {kind + behind for kind in KINDS if getattr(leaf, kind) > 0}
        else:
            place = f":{type(leaf).__name__}"
            found |= {name for name, part in PARTS.items() if place in part.where}
    return found


def unoptimised(
    names: Sequence[str], words: WordKind = "english", reward: Reward | None = None
) -> dict[str, Reward]:
    """Make the metrics that a reward does not pay for.

    Args:
        names: of `nutgraf.rewards.registry`, or `file.py:function`; names of ROUGE also
            with `_precision` or `_recall` behind.
        words: "english" or "cjk".
        reward: what the policy is trained for; None leaves nothing out.

    Returns:
        Name -> a reward, whose values times 100 are points.

    Raises:
        ConfigError: a name is unknown.

    Example:
        >>> list(unoptimised(["rouge1", "rouge1_recall"], reward=RougeReward()))
        ['rouge1_recall']
    """
    paid = optimised(reward) if reward is not None else set()
    found: dict[str, Reward] = {}
    for name in names:
        stem, _, measure = name.rpartition("_")
        of_rouge = stem in KINDS and measure in ("precision", "recall")
        options = {"measure": measure} if of_rouge else {}
        label = name.rpartition(":")[2]
        if label not in paid:
            made = make_part(stem if of_rouge else name, words, options)
            found[label] = made
    return found


class Watch:
    """Looks at texts of fixed rows, and has the guard judge what it sees.

    Args:
        rows: whose texts are watched.
        write: `(rows, weights) -> texts`, such as a `Generator`; greedy, so that a look
            is a function of the weights.
        reward: what the policy is trained for. None, for training without a reward:
            numbers are logged, nothing is judged.
        settings: of the guard; without metrics, `METRICS` are watched.
        words: "english" or "cjk".
        tell: called with each verdict that has a new reason.
        on_error: of the reward, "stop" or "skip"; see `judge`.
        at_update: in the form of which update a reward that changes during the run is
            taken; one form, so that looks can be compared. The run's last one is best.
        keep: called with the rows, the texts and the update of each look, 0 for those
            of the start.

    Attributes:
        memory: what the guard remembers; {} before the first look.

    Raises:
        ConfigError: there is no row, or a metric is unknown.

    Example:
        >>> rows = [Row("1", "A cat sat there.", ("A cat sat.",))]
        >>> watch = Watch(rows, lambda rows, weights: ["A cat sat there."])
        >>> numbers = watch.numbers(weights=[])
        >>> round(numbers["guard/rouge1"], 2), numbers["guard/copied_share"]
        (85.71, 100.0)
    """

    def __init__(
        self,
        rows: Sequence[Row],
        write: Callable[[Sequence[Row], Sequence[Any]], list[str]],
        reward: Reward | None = None,
        settings: GuardSettings = GuardSettings(),  # noqa: B008 - frozen
        words: WordKind = "english",
        tell: Callable[[Verdict], None] = lambda verdict: None,
        on_error: OnError = "stop",
        at_update: int = 0,
        keep: Keep = lambda rows, texts, update: None,
    ) -> None:
        """Make the metrics."""
        if not rows:
            raise ConfigError(
                "The guard must have rows to watch. Received: none. Give some, or "
                'switch it off by guard.on = "off".'
            )
        self.rows = list(rows)
        self.write = write
        self.reward = reward
        self.settings = settings
        self.words: WordKind = words
        self.tell = tell
        self.on_error: OnError = on_error
        self.at_update = at_update
        self.keep = keep
        self.memory: Memory = {}
        self._metrics = unoptimised(settings.metrics or METRICS, words, reward)
        self._guard = Guard(settings)

    @property
    def stamp(self) -> int:
        """A number that changes when the rows or the metrics do."""
        ids = [row.id for row in self.rows]
        return zlib.crc32(repr((ids, list(self._metrics))).encode())

    def numbers(self, weights: Sequence[Any], update: int = 0) -> dict[str, float]:
        """Write the texts and measure them.

        Args:
            weights: of the policy.
            update: whose weights they are; 0 for those of the start.

        Returns:
            Finite numbers by their names in `metrics.jsonl`: `guard/reward`,
            `guard/length_ratio` (or `guard/words` per text without references),
            `guard/repetition`, `guard/copied_share`, one for each metric (0-100), and
            the seconds it took as `time/guard`.

        Raises:
            RunError: the reward raised, or returned what a reward may not return.
        """
        started = time.monotonic()
        texts = self.write(self.rows, weights)
        self.keep(self.rows, texts, update)
        documents = [row.document for row in self.rows]
        found = {n: 100.0 * self._mean(one, texts) for n, one in self._metrics.items()}
        found |= {
            **self._lengths(texts),
            "repetition": float(repetition(texts, 2, self.words).mean()),
            "copied_share": float(copied_share(texts, documents, 3, self.words).mean()),
        }
        if self.reward is not None:
            found["reward"] = self._mean(self.reward, texts)
        finite = {f"guard/{n}": v for n, v in found.items() if math.isfinite(v)}
        return finite | {"time/guard": time.monotonic() - started}

    def judge(self, update: int, numbers: dict[str, float]) -> Verdict:
        """Have the guard judge numbers, and tell what is new.

        Args:
            update: updates done.
            numbers: of `judged`.

        Returns:
            The verdict; `memory` is that after the look.
        """
        memory, verdict = self._guard.look(self.memory, update, numbers)
        self.memory = {**memory, "stamp": self.stamp}
        if verdict.new:
            self.tell(verdict)
        return verdict

    def _lengths(self, texts: Sequence[str]) -> dict[str, float]:
        """Words over words of the references; without references, words per text."""
        known = [number for number, row in enumerate(self.rows) if row.references]
        if known:
            references = [self.rows[number].references for number in known]
            texts = [texts[number] for number in known]
            return {"length_ratio": length_ratio(texts, references, self.words).ratio}
        counts = length_ratio(texts, [[""]] * len(texts), self.words).predicted
        return {"words": float(counts.mean())}

    def _mean(self, reward: Reward, texts: list[str]) -> float:
        """The mean over the texts that it applies to; NaN when there is none."""
        values: Values = judge(
            reward,
            [row.document for row in self.rows],
            list(texts),
            [row.references for row in self.rows],
            self.rows,
            update=self.at_update,
            on_error=self.on_error,
        ).values
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else math.nan
