"""The rewards that have a name.

    make_part("length", options={"low": 0.9})

A name is one of `PARTS`, `file.py:function` or `learned:FOLDER` (a reward model);
options are those of the class behind it. How a config puts them together:
`nutgraf.rewards.parse`.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nutgraf.errors import ConfigError
from nutgraf.rewards.function import function_reward
from nutgraf.rewards.protocol import Reward
from nutgraf.text.nearest import nearest
from nutgraf.text.words import WordKind

__all__ = ["LEARNED", "PARTS", "Part", "class_of", "construct", "make_part"]
__all__ += ["ready_parts", "unknown_reward"]

LEARNED = "learned:"
"""What the name of a reward model begins with; its folder follows."""


def class_of(where: str) -> Any:
    """Load a class of a reward.

    Args:
        where: `module:Class` in `nutgraf.rewards`.

    Returns:
        The class.

    Example:
        >>> class_of("length:LengthRatioPenalty").__name__
        'LengthRatioPenalty'
    """
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f"nutgraf.rewards.{module}"), name)


def construct(
    kind: Any,
    options: Mapping[str, Any],
    known: Sequence[str],
    needed: Sequence[str] = (),
    **given: Any,
) -> Reward:
    """Make a reward with the options that a user has written.

    Args:
        kind: its class.
        options: what was written.
        known: names of options.
        needed: those that must be given.
        **given: further fields of the class, which options replace.

    Returns:
        The reward.

    Raises:
        ConfigError: an option is unknown, missing, or of a wrong type or range.

    Example:
        >>> construct(class_of("ending:MissingEndPenalty"), {}, [])
        MissingEndPenalty()
    """
    for option in options:
        if option not in known:
            raise ConfigError(
                f"An option of {kind.__name__} must be one of its fields. Received: "
                f"{option!r}. {nearest(option, known)}"
            )
    missing = [option for option in needed if option not in options]
    if missing:
        raise ConfigError(
            f"{kind.__name__} must be told {', '.join(needed)}. Received: no "
            f"{' and no '.join(missing)}. Write them in parentheses behind the "
            f"name: ({', '.join(f'{option}=...' for option in needed)})."
        )
    try:
        return kind(**{**given, **options})
    except TypeError as error:  # a text where a number belongs
        raise ConfigError(
            f"The options of {kind.__name__} must have the types of its fields. "
            f"Received: {dict(options)} ({error}). See docs/rewards.md."
        ) from error


def unknown_reward(name: str, names: Iterable[str]) -> ConfigError:
    """Return the error for a name that no reward has.

    Args:
        name: what was written.
        names: what is known here.

    Returns:
        The error.
    """
    return ConfigError(
        "A reward must be named by one of the known names, or as "
        f"file.py:function. Received: {name!r}. {nearest(name, names)}"
    )


@dataclass(frozen=True)
class Part:
    """A reward that has a name.

    Attributes:
        description: what it pays or punishes, in one line.
        range: of its values.
        references: whether it needs reference texts.
        where: `module:Class` in `nutgraf.rewards`; loaded when it is made.
        options: of the class, as this name has them.
        needed: options that have no default and must be given.
        english: whether it works on English texts alone.
    """

    description: str
    range: str
    references: bool
    where: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    english: bool = False

    def make(self, words: WordKind = "english", **options: Any) -> Reward:
        """Make the reward.

        Args:
            words: "english" or "cjk"; left out where the class does not ask for it.
            **options: fields of the class that are to differ from `options`.

        Returns:
            The reward.

        Raises:
            ConfigError: an option is unknown, missing or out of range.

        Example:
            >>> PARTS["length"].make(low=0.9)
            LengthRatioPenalty(low=0.9, high=1.25, words='english')
        """
        kind = class_of(self.where)
        known = [one.name for one in dataclasses.fields(kind)]
        given = {**self.options, **({"words": words} if "words" in known else {})}
        return construct(kind, options, known, self.needed, **given)

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value, of `range`."""
        low, high = map(float, re.findall(r"-?\d+", self.range))
        return low, high


_ROUGE = "rouge:RougeReward"
_NONE = {"rouge1": 0.0, "rouge2": 0.0, "rougeL": 0.0, "rougeLsum": 0.0}


def _rouge(kind: str, label: str) -> Part:
    options = MappingProxyType(_NONE | {kind: 1.0})
    return Part(f"{label} with the best reference", "[0, 1]", True, _ROUGE, options)


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "rouge1": _rouge("rouge1", "words shared (ROUGE-1)"),
        "rouge2": _rouge("rouge2", "pairs of words shared (ROUGE-2)"),
        "rougeL": _rouge("rougeL", "longest common subsequence (ROUGE-L)"),
        "rougeLsum": _rouge("rougeLsum", "the same by sentences (ROUGE-Lsum)"),
        "rouge": Part("mean of ROUGE-1, 2 and L", "[0, 1]", True, _ROUGE),
        "bleu": Part(
            "sentence BLEU, smoothed", "[0, 1]", True, "translation:BleuReward"
        ),
        "chrf": Part(
            "character n-grams shared (chrF)", "[0, 1]", True, "translation:ChrfReward"
        ),
        "exact_match": Part(
            "the answer equals a reference", "0 or 1", True, "answers:ExactMatchReward"
        ),
        "token_f1": Part(
            "tokens of the answer shared (F1)", "[0, 1]", True, "answers:TokenF1Reward"
        ),
        "embedding_match": Part(
            "tokens matched by meaning (BERTScore)",
            "[0, 1]",
            True,
            "embedding_match:EmbeddingMatchReward",
            needed=("model",),
        ),
        "length": Part(
            "longer or shorter than the reference",
            "[-1, 0]",
            True,
            "length:LengthRatioPenalty",
        ),
        "band": Part(
            "words outside of a band",
            "[-1, 0]",
            False,
            "length:LengthBandPenalty",
            needed=("low", "high"),
        ),
        "overlong": Part(
            "words close to a limit or above it",
            "[-1, 0]",
            False,
            "length:SoftOverlongPenalty",
            needed=("limit", "buffer"),
        ),
        "repetition": Part(
            "words and n-grams said twice",
            "[-1, 0]",
            False,
            "repetition:RepetitionPenalty",
        ),
        "ending": Part(
            "no full stop at the end", "-1 or 0", False, "ending:MissingEndPenalty"
        ),
        "coverage": Part(
            "leading content words of the source mentioned",
            "[0, 1]",
            False,
            "coverage:CoverageReward",
        ),
        "novelty": Part(
            "n-grams that the source does not have",
            "[0, 1]",
            False,
            "copying:NoveltyReward",
        ),
        "copied": Part(
            "words in long runs from the source",
            "[-1, 0]",
            False,
            "copying:CopiedSharePenalty",
        ),
        "faithfulness": Part(
            "numbers and names that the source lacks",
            "[-1, 0]",
            False,
            "faithfulness:FaithfulnessPenalty",
        ),
        "readability": Part(
            "Flesch reading ease",
            "[0, 1]",
            False,
            "readability:ReadabilityReward",
            english=True,
        ),
        "language": Part(
            "script and function words of a language",
            "[0, 1]",
            False,
            "language:LanguageReward",
            needed=("language",),
        ),
    }
)
"""All of them, by the name that a config gives."""

_REWARD_MODEL = Part(
    "what a reward model has learned", "[0, 1]", False, "learned:LearnedReward"
)


def ready_parts(words: WordKind = "english") -> tuple[str, ...]:
    """Return the parts that need no options.

    Args:
        words: "english" or "cjk"; parts for English alone are left out for "cjk".

    Returns:
        Names, in the order of `PARTS`.

    Example:
        >>> set(PARTS) - set(ready_parts("cjk")) == {
        ...     "band", "overlong", "readability", "language", "embedding_match"
        ... }
        True
    """
    return tuple(
        name
        for name, part in PARTS.items()
        if not part.needed and not (part.english and words != "english")
    )


def make_part(
    name: str, words: WordKind = "english", options: Mapping[str, Any] | None = None
) -> Reward:
    """Make one reward by its name.

    Args:
        name: one of `PARTS`, `file.py:function`, or `learned:FOLDER`.
        words: "english" or "cjk": what a word is.
        options: fields of the class behind the name.

    Returns:
        The reward.

    Raises:
        ConfigError: the name or an option is unknown, or the reward does not fit the
            words.

    Example:
        >>> make_part("band", options={"low": 5, "high": 30})
        LengthBandPenalty(low=5, high=30, words='english')
    """
    given = dict(options or {})
    if name.startswith(LEARNED):
        path = Path(name.removeprefix(LEARNED)).expanduser().resolve()
        return _REWARD_MODEL.make(**{**given, "path": str(path)})
    if ":" in name or name.endswith(".py"):
        if given:
            raise ConfigError(
                "A function of a file must be named without options. Received: "
                f"{name!r} with {given}. Give its parameters defaults instead."
            )
        return function_reward(name)
    if name not in PARTS:
        raise unknown_reward(name, PARTS)
    part = PARTS[name]
    if part.english and words != "english":
        raise ConfigError(
            f"The reward {name!r} must have English texts. Received: words={words!r}. "
            "Leave it out."
        )
    return part.make(**{"words": words, **given})
