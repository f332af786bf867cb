"""The rewards that a config can name, and the sum that it asks for.

    parse_parts(["rouge1=1", "length(low=0.9)=0.2", "my_reward.py:score=0.5"])

A part is a name of `PARTS`, `file.py:function` or `learned:FOLDER` (a reward model),
then options in parentheses, then `=` and a weight; without a weight it is 1. Options
are those of the class behind the name.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nutgraf.errors import ConfigError
from nutgraf.rewards.function import function_reward
from nutgraf.rewards.protocol import Reward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.text.nearest import nearest
from nutgraf.text.words import WordKind

__all__ = ["PARTS", "Part", "make_part", "parse_parts", "ready_parts"]

_EXAMPLE = 'For example: "rouge1=1.0", "length(low=0.9)=0.2", "my_reward.py:score=1".'


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
        name = self.where.partition(":")[2]
        module = importlib.import_module(
            f"nutgraf.rewards.{self.where.partition(':')[0]}"
        )
        kind = getattr(module, name)
        known = [one.name for one in dataclasses.fields(kind)]
        for option in options:
            if option not in known:
                raise ConfigError(
                    f"An option of {name} must be one of its fields. Received: "
                    f"{option!r}. {nearest(option, known)}"
                )
        missing = [option for option in self.needed if option not in options]
        if missing:
            raise ConfigError(
                f"{name} must be told {', '.join(self.needed)}. Received: no "
                f"{' and no '.join(missing)}. Write them in parentheses behind the "
                f"name: ({', '.join(f'{option}=...' for option in self.needed)})."
            )
        given = {**self.options, **options}
        if "words" in known:
            given.setdefault("words", words)
        try:
            return kind(**given)
        except TypeError as error:  # a text where a number belongs
            raise ConfigError(
                f"The options of {name} must have the types of its fields. Received: "
                f"{options} ({error}). See docs/rewards.md."
            ) from error


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

_LEARNED = "learned:"
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


def _value(node: ast.expr, text: str) -> Any:
    """Return the value of an option: a number, true or false, a tuple, or a word."""
    if isinstance(node, ast.Name):
        return {"true": True, "false": False}.get(node.id.lower(), node.id)
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise ConfigError(
            "The value of an option must be a number, true or false, a word, or "
            f"several in parentheses. Received: {text!r}. {_EXAMPLE}"
        ) from error


def _options(text: str, part: str) -> dict[str, Any]:
    """Return the options that are written as `low=0.9, words=cjk`."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except SyntaxError:
        call = None
    named = isinstance(call, ast.Call) and not call.args
    if not named or not isinstance(call, ast.Call):
        raise ConfigError(
            "Options of a reward must be name=value, with commas between. Received: "
            f"{part!r}. {_EXAMPLE}"
        )
    return {str(one.arg): _value(one.value, part) for one in call.keywords}


def _split(part: str) -> tuple[str, dict[str, Any], float]:
    """Return name, options and weight of a part."""
    # The last = belongs to the weight unless it is inside the parentheses.
    head, equals, tail = part.rpartition("=")
    if not equals or tail.rstrip().endswith(")"):
        head, tail = part, "1"
    head = head.strip()
    try:
        weight = float(tail)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise ConfigError(
            f"The weight of a reward must be a number >= 0. Received: {part!r}. "
            f"Penalties are negative already. {_EXAMPLE}"
        )
    if not head.endswith(")"):
        return head, {}, weight
    name, _, text = head[:-1].partition("(")
    return name.strip(), _options(text, part), weight


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
    if name.startswith(_LEARNED):
        path = Path(name.removeprefix(_LEARNED)).expanduser().resolve()
        return _REWARD_MODEL.make(**{**given, "path": str(path)})
    if ":" in name or name.endswith(".py"):
        if given:
            raise ConfigError(
                "A function of a file must be named without options. Received: "
                f"{name!r} with {given}. Give its parameters defaults instead."
            )
        return function_reward(name)
    if name not in PARTS:
        raise ConfigError(
            "A reward must be named by one of the known names, or as "
            f"file.py:function. Received: {name!r}. {nearest(name, PARTS)}"
        )
    part = PARTS[name]
    if part.english and words != "english":
        raise ConfigError(
            f"The reward {name!r} must have English texts. Received: words={words!r}. "
            "Leave it out."
        )
    return part.make(**{"words": words, **given})


def parse_parts(parts: Sequence[str], words: WordKind = "english") -> WeightedSum:
    """Return the weighted sum of the rewards that a config names.

    Args:
        parts: `name=weight`, `name(option=value)=weight`, `file.py:function=weight` or
            `learned:FOLDER=weight`; without a weight it is 1. A weight of 0 logs the
            part only.
        words: "english" or "cjk": what a word is.

    Returns:
        The sum; `.parts` has each reward with its weight. A function is called by its
        own name there, a reward model "learned".

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
    """
    found: dict[str, tuple[Reward, float]] = {}
    for part in parts:
        name, options, weight = _split(part)
        learned = name.startswith(_LEARNED)
        label = "learned" if learned else name.rpartition(":")[2]
        if label in found:
            raise ConfigError(
                f"Each reward must be named once. Received: {label!r} twice, in "
                f"{list(parts)}. Add the weights, or rename a function."
            )
        found[label] = make_part(name, words, options), weight
    return WeightedSum(found)
