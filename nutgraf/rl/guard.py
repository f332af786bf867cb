"""The guard against reward hacking: the reward rises while what is not paid for breaks.

A pure state machine on numbers. A look is broken when the reward is above that of the
start while a number has passed its limit: length, repetition, copied share, KL, or a
metric that is not in the reward. Judged are running averages over looks, and it takes
two broken looks in a row: noise makes no verdict. What the guard remembers is a
dictionary of plain numbers that the caller keeps, so a resumed run goes on the same.

Reference: Amodei et al. 2016, "Concrete Problems in AI Safety", section 4 (trip wires),
arXiv 1606.06565; Gao et al. 2022, "Scaling Laws for Reward Model Overoptimization" (the
optimised reward rises while what it stands for falls), arXiv 2210.10760.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from nutgraf.errors import ConfigError
from nutgraf.metrics.names import LABELS

__all__ = ["METRICS", "PATIENCE", "Action", "Guard", "GuardSettings", "Memory"]
__all__ += ["Reason", "Verdict", "judged", "label_of"]

Action = Literal["off", "warn", "stop", "return"]
Memory = dict[str, Any]

PATIENCE = 2
"""Broken looks in a row that make a verdict."""
METRICS = ("rouge1", "rouge1_precision", "rouge1_recall", "rouge2", "rougeL", "chrf")
"""What is watched of summaries, and where no task is known."""
NEWEST = 0.5
"""Weight of the newest look in the running averages."""


@dataclass(frozen=True)
class GuardSettings:
    """Settings of the guard against reward hacking."""

    on: Action = "warn"
    """What a verdict does: warn, stop the run, return to the best safe weights and end
    there; off watches nothing."""
    every: int = 10
    """Updates between looks."""
    rows: int = 64
    """Rows whose greedy texts are watched; validation rows where there are some."""
    length_low: float = 0.67
    """Length ratio over that of the start: the smallest that is no sign; 0 = any."""
    length_high: float = 1.5
    """The largest that is no sign; 0 = any."""
    repetition: float = 10.0
    """Points (0-100) that repeated bigrams may rise above the start; 0 = any."""
    copied_share: float = 20.0
    """Points that the share of copied words may rise above the start; 0 = any."""
    kl: float = 1.0
    """Nats per token that the KL to the start may reach; 0 = any."""
    fall: float = 5.0
    """Points (0-100) that a metric outside of the reward may fall; 0 = any."""
    metrics: tuple[str, ...] = ()
    """Metrics to watch, those in the reward left out: names of rewards
    (docs/rewards.md), and of ROUGE with _precision or _recall behind; none = those of
    the task (docs/tasks.md)."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.on not in get_args(Action):
            raise ConfigError(
                f'guard.on must be "off", "warn", "stop" or "return". Received: '
                f'{self.on!r}. Leave it out for "warn".'
            )
        for name in ("every", "rows"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"guard.{name} must be an integer >= 1. Received: "
                    f"{getattr(self, name)}. Switch the guard off by guard.on."
                )
        limits = ("length_low", "length_high", "repetition", "copied_share")
        for name in (*limits, "kl", "fall"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(
                    f"guard.{name} must be a number >= 0. Received: "
                    f"{getattr(self, name)}. 0 sets no limit."
                )
        if self.length_low > 1 or 0 < self.length_high < 1:
            raise ConfigError(
                "The band of lengths must hold that of the start: guard.length_low <= "
                f"1 <= guard.length_high. Received: {self.length_low} and "
                f"{self.length_high}. 0.67 and 1.5 are usual."
            )


def label_of(name: str) -> str:
    """Return what a number is called in texts and pictures.

    Args:
        name: of the number, without `guard/`.

    Returns:
        A few words.

    Example:
        >>> label_of("rouge1_recall"), label_of("copied_share")
        ('ROUGE-1 recall', 'copied')
    """
    if name == "kl":
        return "KL to the start"
    stem, _, measure = name.rpartition("_")
    if measure in ("precision", "recall") and stem in LABELS:
        return f"{LABELS[stem]} {measure}"
    return LABELS.get(name, name.replace("_", " "))


class Reason(NamedTuple):
    """A number that has passed its limit.

    Attributes:
        name: of the number.
        start: what it was at the start.
        now: its running average.
        limit: what it has passed.
    """

    name: str
    start: float
    now: float
    limit: float

    @property
    def words(self) -> str:
        """The reason as half a sentence."""
        return (
            f"{label_of(self.name)} is {self.now:.3g} ({self.start:.3g} at the start, "
            f"limit {self.limit:.3g})"
        )


class Verdict(NamedTuple):
    """The outcome of a look.

    Attributes:
        update: of the look.
        reasons: what is broken; empty when all is well.
        new: those of them that were not told before.
        rise: the reward at the start, and its running average.
        safe: whether this is the best look so far at which nothing was broken.
        ends: whether the run is to end here.
    """

    update: int
    reasons: tuple[Reason, ...] = ()
    new: tuple[Reason, ...] = ()
    rise: tuple[float, float] = (0.0, 0.0)
    safe: bool = False
    ends: bool = False

    @property
    def words(self) -> str:
        """The new reasons as a sentence without its full stop; "" without any."""
        if not self.new:
            return ""
        return (
            f"update {self.update:,}: the reward rises ({self.rise[0]:.3f} -> "
            f"{self.rise[1]:.3f}) while "
            + " and ".join(reason.words for reason in self.new)
        )


def judged(record: Mapping[str, Any]) -> dict[str, float]:
    """Pick the numbers that the guard judges from a record of `metrics.jsonl`.

    Args:
        record: the numbers of an update.

    Returns:
        Name -> number, without `guard/`; the KL of the update's samples as "kl". Empty
        for an update without a look.

    Example:
        >>> judged({"step": 10, "guard/reward": 0.5, "policy/kl_to_start": 0.25})
        {'reward': 0.5, 'kl': 0.25}
    """
    found = {
        key.removeprefix("guard/"): float(value)
        for key, value in record.items()
        if key.startswith("guard/") and key != "guard/broken"
    }
    kl = record.get("policy/kl_to_start")
    return {**found, "kl": float(kl)} if found and kl is not None else found


@dataclass(frozen=True)
class Guard:
    """Judges looks, one after another.

    Attributes:
        settings: the limits.

    Example:
        >>> guard = Guard(GuardSettings(on="stop"))
        >>> memory, verdict = guard.look({}, 0, {"reward": 0.2, "length_ratio": 0.9})
        >>> for update in (10, 20):
        ...     numbers = {"reward": 0.5, "length_ratio": 3.0}
        ...     memory, verdict = guard.look(memory, update, numbers)
        >>> verdict.reasons[0].words, verdict.ends
        ('length ratio is 2.48 (0.9 at the start, limit 1.35)', True)
    """

    settings: GuardSettings = GuardSettings()

    def look(
        self, memory: Memory, update: int, numbers: Mapping[str, float]
    ) -> tuple[Memory, Verdict]:
        """Judge the numbers of a look.

        Args:
            memory: what the look before returned; {} makes this one the start.
            update: updates done.
            numbers: "reward" and whatever is watched; see `judged`. Without a reward
                nothing is ever broken.

        Returns:
            What to give to the next look, plain numbers; and the verdict.
        """
        if not memory:
            best = numbers.get("reward")
            memory = {"start": dict(numbers), "smooth": dict(numbers), "streak": {}}
            memory |= {"told": {}, "safe": 0, "best": best, "ended": 0}
            return memory, Verdict(update)
        start, before = memory["start"], memory["smooth"]
        smooth = {
            name: NEWEST * value + (1.0 - NEWEST) * before.get(name, value)
            for name, value in numbers.items()
        }
        rise = start.get("reward", 0.0), smooth.get("reward", 0.0)
        broken = self.broken(start, smooth)
        streak = {}
        if rise[1] > rise[0]:
            streak = {name: memory["streak"].get(name, 0) + 1 for name in broken}
        reasons = tuple(broken[name] for name in streak if streak[name] >= PATIENCE)
        new = tuple(one for one in reasons if one.name not in memory["told"])
        told = {one.name: {"update": update, **one._asdict()} for one in new}
        best = memory["best"]
        safe = not broken and not self.broken(start, numbers)
        safe = safe and best is not None and numbers["reward"] > best
        ends = bool(reasons) and self.settings.on in ("stop", "return")
        memory = {
            "start": start,
            "smooth": smooth,
            "streak": streak,
            "told": {**memory["told"], **told},
            "safe": update if safe else memory["safe"],
            "best": numbers["reward"] if safe else best,
            "ended": update if ends else 0,
        }
        return memory, Verdict(update, reasons, new, rise, safe, ends)

    def broken(
        self, start: Mapping[str, float], now: Mapping[str, float]
    ) -> dict[str, Reason]:
        """Find the numbers that have passed their limits, whatever the reward does.

        Args:
            start: the numbers of the start.
            now: the numbers now, or their running averages.

        Returns:
            Name -> reason.
        """
        found = {}
        for name, value in now.items():
            if name != "reward" and name in start:
                limit = self._passed(name, start[name], value)
                if limit is not None:
                    found[name] = Reason(name, start[name], value, limit)
        return found

    def _passed(self, name: str, start: float, now: float) -> float | None:
        """The limit that a number has passed; None when it has passed none."""
        chosen = self.settings
        if name in ("length_ratio", "words"):
            return self._length(start, now, wanted=name == "length_ratio")
        if name == "kl":
            return chosen.kl if 0 < chosen.kl < now else None
        if name in ("repetition", "copied_share"):
            room = getattr(chosen, name)
            return start + room if room and now > start + room else None
        return (
            start - chosen.fall if chosen.fall and now < start - chosen.fall else None
        )

    def _length(self, start: float, now: float, wanted: bool) -> float | None:
        """A limit of the length; towards the references' nothing is too far."""
        if wanted and abs(_log(now)) <= abs(_log(start)):
            return None
        low, high = start * self.settings.length_low, start * self.settings.length_high
        if now < low:
            return low
        return high if 0 < high < now else None


def _log(ratio: float) -> float:
    return math.log(max(ratio, 1e-9))
