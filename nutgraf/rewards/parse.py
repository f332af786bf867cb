"""The sum of rewards that a config asks for, and how it puts rewards together.

    parse_parts(["product(rouge1, ending)=1", "clipped(copied, low=-0.5)=0.5"])

A part is a reward, then `=` and a weight; without a weight it is 1. A reward is a name
of the registry, with options in parentheses, or a name of `COMPOSED`, with rewards in
parentheses and then options; so they can be nested.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from nutgraf.errors import ConfigError
from nutgraf.rewards.product import Product
from nutgraf.rewards.protocol import Reward
from nutgraf.rewards.registry import (
    LEARNED,
    PARTS,
    class_of,
    construct,
    make_part,
    unknown_reward,
)
from nutgraf.rewards.spec import Spec, is_option, read_options, read_part, read_spec
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.text.words import WordKind

__all__ = ["COMPOSED", "Composition", "parse_parts", "parts_used"]

_WEIGHTED = re.compile(r"[^'\"].*\)\s*=[^()]*")
_NUMBER = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?")


@dataclass(frozen=True)
class Composition:
    """A way to make one reward of others that has a name.

    Attributes:
        description: what its value is, in one line.
        range: of its values.
        where: `module:Class` in `nutgraf.rewards`.
        options: names of its options; each has a default.
        example: what a config says.
    """

    description: str
    range: str
    where: str
    options: tuple[str, ...]
    example: str


COMPOSED: Mapping[str, Composition] = MappingProxyType(
    {
        "sum": Composition(
            "Σ weight · part",
            "that of the parts, weighted",
            "weighted:WeightedSum",
            (),
            "sum(rouge1=1, length=0.2)",
        ),
        "product": Composition(
            "Π quality · Π (1 + penalty)",
            "[0, 1]",
            "product:Product",
            (),
            "product(rouge1, length)",
        ),
        "threshold": Composition(
            "1 from `at` on, else 0",
            "0 or 1",
            "adjusted:Threshold",
            ("at",),
            "threshold(rouge1, at=0.7)",
        ),
        "clipped": Composition(
            "no lower than `low`, no higher than `high`",
            "[low, high]",
            "adjusted:Clipped",
            ("low", "high"),
            "clipped(rouge1, low=0, high=0.5)",
        ),
        "normalized": Composition(
            "mean 0, deviation 1 over the texts of a call",
            "about [-3, 3]",
            "adjusted:Normalized",
            ("least",),
            "normalized(rouge1)",
        ),
        "annealed": Composition(
            "times a weight that moves from `start` to `end`",
            "that of the reward, weighted",
            "annealed:Annealed",
            ("start", "end", "updates"),
            "annealed(length, start=0, end=1, updates=100)",
        ),
    }
)
"""All of them, by the name that a config gives."""


class _Made(NamedTuple):
    """A reward, what it is called in the log, its smallest and its largest value."""

    reward: Reward
    label: str
    low: float
    high: float


def _example(name: str) -> str:
    return f'For example: "{COMPOSED[name].example}".'


def _made(spec: Spec, words: WordKind) -> _Made:
    """Make a reward, those inside of it first."""
    if spec.name == "sum":
        return _sum(spec.arguments, words)
    if spec.name in COMPOSED:
        return _composed(spec, words)
    if not (spec.name in PARTS or ":" in spec.name or spec.name.endswith(".py")):
        raise unknown_reward(spec.name, [*PARTS, *COMPOSED])
    options = read_options(spec.arguments, spec.text)
    reward = make_part(spec.name, words, options)
    if spec.name in PARTS:
        return _Made(reward, spec.name, *PARTS[spec.name].limits)
    if not spec.name.startswith(LEARNED):
        return _Made(reward, spec.name.rpartition(":")[2], -math.inf, math.inf)
    squashed = getattr(reward, "squash", False)
    return _Made(reward, "learned", *((0, 1) if squashed else (-math.inf, math.inf)))


def _by_label(made: Sequence[_Made], texts: Sequence[str]) -> dict[str, _Made]:
    """Return what was made by what it is called, each once."""
    found: dict[str, _Made] = {}
    for one in made:
        if one.label in found:
            raise ConfigError(
                f"Each reward must be named once. Received: {one.label!r} twice, in "
                f"{list(texts)}. Add the weights, or rename a function."
            )
        found[one.label] = one
    return found


def _sum(parts: Sequence[str], words: WordKind) -> _Made:
    """Add up parts."""
    read = [read_part(part) for part in parts]
    made = _by_label([_made(spec, words) for spec, _ in read], parts)
    weights = [weight for _, weight in read]
    pairs = list(zip(made.values(), weights, strict=True))
    return _Made(
        WeightedSum({one.label: (one.reward, weight) for one, weight in pairs}),
        "_".join(["sum", *made]),
        sum(weight * one.low for one, weight in pairs if weight),
        sum(weight * one.high for one, weight in pairs if weight),
    )


def _inside(argument: str, spec: Spec) -> Spec:
    """Read a reward inside of another; refuse what was meant to be something else."""
    if _WEIGHTED.fullmatch(argument) or _NUMBER.fullmatch(argument):
        raise ConfigError(
            f"{spec.name} must be given rewards without weights, then options as "
            f"name=value. Received: {argument!r} in {spec.text!r}. "
            f"{_example(spec.name)}"
        )
    return read_spec(argument)


def _composed(spec: Spec, words: WordKind) -> _Made:
    """Make any other composition."""
    given = [argument for argument in spec.arguments if not is_option(argument)]
    inner = [_made(_inside(argument, spec), words) for argument in given]
    options = read_options(list(filter(is_option, spec.arguments)), spec.text)
    if spec.name == "product":
        return _product(spec, inner, options)
    if len(inner) != 1:
        names = " and ".join(one.label for one in inner) or "none"
        raise ConfigError(
            f"{spec.name} must be given one reward, then options. Received: {names}, "
            f"in {spec.text!r}. {_example(spec.name)}"
        )
    return _changed(spec.name, inner[0], options)


def _product(spec: Spec, inner: Sequence[_Made], options: Mapping[str, Any]) -> _Made:
    """Multiply: what is never above 0 is a penalty, what is never below, a quality."""
    if options:
        raise ConfigError(
            "product must be given rewards alone, without options or weights. "
            f"Received: {', '.join(options)}, in {spec.text!r}. {_example('product')}"
        )
    for one in inner:
        if not (one.low >= 0 or -1 <= one.low <= one.high <= 0):
            raise ConfigError(
                "A part of a product must have values >= 0, or in [-1, 0]. Received: "
                f"{one.label} in {spec.text!r}, whose values are in [{one.low:g}, "
                f"{one.high:g}]. Clip it: clipped(..., low=0, high=1) for a quality, "
                "clipped(..., low=-1, high=0) for a penalty."
            )
    made = _by_label(inner, spec.arguments)
    good = {label: one for label, one in made.items() if one.low >= 0}
    bad = {label: one for label, one in made.items() if one.low < 0}
    reward = Product(
        {label: one.reward for label, one in good.items()},
        {label: one.reward for label, one in bad.items()},
    )
    factors = [(one.low, one.high) for one in good.values()]
    factors += [(1 + one.low, 1 + one.high) for one in bad.values()]
    low, high = map(math.prod, zip(*factors, strict=True))
    return _Made(reward, "_".join(["product", *made]), low, high)


def _changed(name: str, inner: _Made, options: Mapping[str, Any]) -> _Made:
    """Change the values of one reward."""
    kind = COMPOSED[name]
    made: Any = construct(
        class_of(kind.where), options, kind.options, reward=inner.reward
    )
    ends = inner.low, inner.high
    if name == "threshold":
        limits = [0.0, 1.0]
    elif name == "clipped":
        limits = [min(max(end, made.low), made.high) for end in ends]
    elif name == "annealed":
        weights = made.start, made.end
        limits = [w * end if w else 0.0 for w in weights for end in ends]
    else:
        limits = [-math.inf, math.inf]
    return _Made(made, f"{name}_{inner.label}", min(limits), max(limits))


def parts_used(parts: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the registry that a config uses, however deep.

    Args:
        parts: as for `parse_parts`.

    Returns:
        Names, each as often as it occurs.

    Raises:
        ConfigError: a part cannot be read.

    Example:
        >>> parts_used(["sum(rouge1=1, clipped(length)=2)=1", "my.py:score=1"])
        ('rouge1', 'length')
    """
    found: list[str] = []
    todo = [read_part(part)[0] for part in reversed(parts)]
    while todo:
        spec = todo.pop()
        if spec.name == "sum":
            todo += [read_part(part)[0] for part in reversed(spec.arguments)]
        elif spec.name in COMPOSED:
            inner = [text for text in spec.arguments if not is_option(text)]
            todo += map(read_spec, reversed(inner))
        elif spec.name in PARTS:
            found.append(spec.name)
    return tuple(found)


def parse_parts(parts: Sequence[str], words: WordKind = "english") -> WeightedSum:
    """Return the weighted sum of the rewards that a config names.

    A product takes a reward that is never above 0 as a penalty, by its range; that of a
    function of one's own is not known, so it is clipped there.

    Args:
        parts: `reward=weight`; without a weight it is 1, and a weight of 0 logs the
            part only. A reward is `name(option=value)`, `file.py:function`,
            `learned:FOLDER` or a composition of these: `clipped(chrf, high=0.5)`. A
            file name with commas or parentheses in it stands in quotes there.
        words: "english" or "cjk": what a word is.

    Returns:
        The sum; `.parts` has each reward with its weight. A function is called by its
        own name there, a reward model "learned", a composition by its name and those
        of what is inside: "clipped_chrf".

    Raises:
        ConfigError: a name, option or weight is wrong, or a name occurs twice.

    Example:
        >>> reward = parse_parts(["rouge1", "repetition=0.5", "band(low=2, high=9)=0"])
        >>> # R-1: 2 of 5 and of 2 words, 4/7; repetition -1/4, see RepetitionPenalty
        >>> found = reward([""], ["the model is the model"], [["the model"]])
        >>> [round(value, 4) for value in found]
        [0.4464]
        >>> {name: weight for name, (_, weight) in reward.parts.items()}
        {'rouge1': 1.0, 'repetition': 0.5, 'band': 0.0}
        >>> reward = parse_parts(["product(rouge1, clipped(repetition, low=-0.5))"])
        >>> found = reward([""], ["the model is the model"], [["the model"]])
        >>> [round(value, 4) for value in found]  # 4/7 * 3/4
        [0.4286]
    """
    return cast(WeightedSum, _sum(parts, words).reward)
