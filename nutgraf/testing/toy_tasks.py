"""Toy tasks that take reading: put digits in order, find the rare word, rewrite dates.

What is right depends on the whole document, and how right a text is can be said in
parts: tasks for reinforcement learning that a policy which guesses fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.data.rows import Row

__all__ = ["date_rows", "digit_rows", "order_reward", "rare_reward", "rare_rows"]
__all__ += ["task_tokenizer"]

COMMON = "the a of and".split()
RARE = "otter violin glacier lantern saffron comet walnut harbour".split()


def digit_rows(count: int = 80, length: int = 4, seed: int = 0) -> list[Row]:
    """Make rows of digits; the summary is the same digits in ascending order.

    Args:
        count: number of rows.
        length: digits per document, 1 to 10; none occurs twice.
        seed: of the digits.

    Returns:
        The rows.

    Example:
        >>> row = digit_rows(1)[0]
        >>> sorted(row.document.split()) == row.references[0].split()
        True
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        digits = random.permutation(10)[:length]
        document, ordered = (" ".join(map(str, d)) for d in (digits, np.sort(digits)))
        made.append(Row(f"digits{number}", document, (ordered,)))
    return made


def date_rows(count: int = 80, seed: int = 0) -> list[Row]:
    """Make rows of a date, `7 of 5` or `5 the 7`; the summary is its month and day.

    Args:
        count: number of rows.
        seed: of the dates.

    Returns:
        The rows; months and days are one digit, `5 7`.

    Example:
        >>> row = date_rows(1)[0]
        >>> row.document, row.references
        ('6 of 8', ('8 6',))
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        month, day = random.integers(1, 10, 2)
        written = f"{day} of {month}" if random.integers(2) else f"{month} the {day}"
        made.append(Row(f"date{number}", written, (f"{month} {day}",)))
    return made


def order_reward(
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None = None,
) -> list[float | None]:
    """Reward the share of places at which a text has the right digit.

    Args:
        prompts: not read.
        completions: texts.
        references: the right digits, first of each.
        rows: not read.

    Returns:
        0 to 1 for each text; digits too many count as wrong.

    Example:
        >>> order_reward([""] * 3, ["2 4 7", "2 7 4", "2 4 7 9"], [["2 4 7"]] * 3)
        [1.0, 0.3333333333333333, 0.75]
    """
    del prompts, rows
    found: list[float | None] = []
    for text, (wanted, *_) in zip(completions, references, strict=True):
        words, right = text.split(), wanted.split()
        same = sum(a == b for a, b in zip(words, right, strict=False))
        found.append(same / max(len(words), len(right)))
    return found


def rare_rows(count: int = 80, length: int = 6, seed: int = 0) -> list[Row]:
    """Make rows of common words with one rare word, which is the summary.

    Args:
        count: number of rows.
        length: words per document.
        seed: of the words.

    Returns:
        The rows.

    Example:
        >>> row = rare_rows(1)[0]
        >>> row.references[0] in row.document.split()
        True
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        words = [COMMON[place] for place in random.integers(0, len(COMMON), length)]
        rare = RARE[random.integers(len(RARE))]
        words[random.integers(length)] = rare
        made.append(Row(f"rare{number}", " ".join(words), (rare,)))
    return made


def rare_reward(
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None = None,
) -> list[float | None]:
    """Reward texts that say the rare word, and best nothing else.

    Args:
        prompts: not read.
        completions: texts.
        references: the rare word, first of each.
        rows: not read.

    Returns:
        1 / number of words for a text that has it, else 0.

    Example:
        >>> rare_reward([""] * 3, ["comet", "the comet", "the"], [["comet"]] * 3)
        [1.0, 0.5, 0.0]
    """
    del prompts, rows
    texts = [text.split() for text in completions]
    return [
        (wanted[0] in words) / max(len(words), 1)
        for words, wanted in zip(texts, references, strict=True)
    ]


def task_tokenizer() -> Any:
    """Return a tokenizer in which each digit is one piece and each word a few."""
    from nutgraf.text.tokenizer import Tokenizer

    rows = digit_rows(200, seed=1) + rare_rows(200, seed=1)
    return Tokenizer.train([row.document for row in rows], vocabulary_size=330)
