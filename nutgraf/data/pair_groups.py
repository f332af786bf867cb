"""Pairs of one prompt together: the prompt and each of its texts are read once.

Sixteen texts make up to 120 pairs. Read pair by pair, each text would be read fifteen
times, and one text in fifteen batches is learned by heart.

Reference: Ouyang et al. 2022, "Training language models to follow instructions with
human feedback", section 3.5, arXiv 2203.02155.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nutgraf.data.pairs import Pair
from nutgraf.errors import ConfigError

__all__ = ["PairGroup", "Win", "group_pairs", "single_groups"]


class Win(NamedTuple):
    """One preference: the numbers of two texts in their group, and the margin.

    Attributes:
        better: of the preferred text.
        worse: of the other one.
        margin: >= 0, by how much; 0 = not known.
    """

    better: int
    worse: int
    margin: float


class PairGroup(NamedTuple):
    """Texts for one prompt and which of them are better than which.

    Attributes:
        prompt: the source text.
        texts: different from each other, at least two.
        wins: the preferences, at least one.
    """

    prompt: str
    texts: tuple[str, ...]
    wins: tuple[Win, ...]


def single_groups(pairs: Sequence[Pair]) -> list[PairGroup]:
    """Make a group of each pair, the preferred text first.

    Args:
        pairs: N pairs.

    Returns:
        N groups of two texts, in the same order.

    Example:
        >>> single_groups([Pair("p", "a", "b")])[0].texts
        ('a', 'b')
    """
    return [
        PairGroup(
            pair.prompt,
            (pair.chosen, pair.rejected),
            (Win(0, 1, pair.margin or 0.0),),
        )
        for pair in pairs
    ]


def _groups_of(prompt: str, pairs: Sequence[Pair], most: int) -> Iterator[PairGroup]:
    texts: dict[str, int] = {}
    wins: list[Win] = []
    for pair in pairs:
        new = {pair.chosen, pair.rejected} - texts.keys()
        if len(texts) + len(new) > most:
            yield PairGroup(prompt, tuple(texts), tuple(wins))
            texts, wins = {}, []
        for text in (pair.chosen, pair.rejected):
            texts.setdefault(text, len(texts))
        numbers = texts[pair.chosen], texts[pair.rejected]
        wins.append(Win(*numbers, pair.margin or 0.0))
    yield PairGroup(prompt, tuple(texts), tuple(wins))


def group_pairs(pairs: Sequence[Pair], most: int = 16) -> list[PairGroup]:
    """Gather the pairs of each prompt.

    Args:
        pairs: in any order.
        most: texts of a group, at least 2; a prompt with more has several groups.

    Returns:
        Groups in the order in which their prompts come first; every pair is in one.

    Raises:
        ConfigError: `most` is less than 2.

    Example:
        >>> group, = group_pairs([Pair("p", "a", "b"), Pair("p", "a", "c", 2.0)])
        >>> group.texts, [tuple(win) for win in group.wins]
        (('a', 'b', 'c'), [(0, 1, 0.0), (0, 2, 2.0)])
    """
    if most < 2:
        raise ConfigError(
            "texts must be an integer >= 2: a pair has two. Received: "
            f"texts={most}. 16 is usual."
        )
    by_prompt: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_prompt.setdefault(pair.prompt, []).append(pair)
    return [
        group
        for prompt, own in by_prompt.items()
        for group in _groups_of(prompt, own, most)
    ]
