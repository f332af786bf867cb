"""Preference pairs: of two texts for one prompt, which one people liked better.

From a jsonl file, gzipped or not, with `prompt`, `chosen`, `rejected` and perhaps
`margin` on each line, or from the scores that people gave to texts.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import Fields, missing_field, read_records
from nutgraf.data.judged import JudgedRow, JudgedText, chosen_dimensions
from nutgraf.errors import ConfigError

__all__ = ["Pair", "PairFold", "fold_of", "pairs_from_scores", "read_pairs"]
__all__ += ["split_pairs"]

_EQUAL = 1e-9  # human means that differ less are tied: thirds were rounded


class Pair(NamedTuple):
    """A preference between two texts.

    Attributes:
        prompt: the source text of both.
        chosen: the better text.
        rejected: the worse one.
        margin: > 0, how much better, in the unit of the scores; None = not known.
        origin: where the pair came from, for messages.
    """

    prompt: str
    chosen: str
    rejected: str
    margin: float | None = None
    origin: str = ""


class PairFold(NamedTuple):
    """Pairs to train on and pairs held out; no prompt is in both."""

    train: list[Pair]
    test: list[Pair]


def _text(record: dict[str, Any], name: str) -> str:
    if name not in record:
        raise ValueError(missing_field(name, record))
    value = record[name]
    if not isinstance(value, str):
        raise ValueError(f"`{name}` must be text, not {value!r:.40}")
    return value


def _pair(prompt: str, record: dict[str, Any], origin: str) -> Pair:
    """The pair of a record, or ValueError with the reason."""
    chosen, rejected = _text(record, "chosen"), _text(record, "rejected")
    if chosen == rejected:
        raise ValueError(f"`chosen` and `rejected` are the same text, {chosen!r:.40}")
    margin = record.get("margin")
    if margin is not None:
        number = isinstance(margin, int | float) and not isinstance(margin, bool)
        if not number or not (math.isfinite(margin) and margin > 0):
            raise ValueError(f"`margin` must be a number > 0, not {margin!r:.40}")
        margin = float(margin)
    return Pair(prompt, chosen, rejected, margin, origin)


def read_pairs(
    path: str | Path,
    bad_rows: str = "fail",
    report: Callable[[str], None] | None = None,
) -> list[Pair]:
    """Read preference pairs from a file.

    Args:
        path: jsonl file, gzipped or not: `prompt`, `chosen` and `rejected` are text
            (the last two may be empty, but not equal), `margin` is a number > 0, null
            or absent.
        bad_rows: "fail": a DataError names the first ten bad lines; "skip": they are
            left out, counted and reported.
        report: called with what was left out; None warns.

    Returns:
        At least one pair, in the order of the file.

    Raises:
        DataError: the file is missing or damaged, a line is bad, or none is left.
        ConfigError: `bad_rows` is unknown.
    """
    log = BadRowLog(bad_rows)
    pairs = []
    for row, record in read_records(path, Fields("prompt"), log, "jsonl"):
        try:
            pairs.append(_pair(row.document, record, row.origin))
        except ValueError as error:
            log.good -= 1
            log.add(str(path), int(row.origin.rpartition(":")[2]), str(error))
    log.check()
    log.tell(report)
    return pairs


def _ranked(
    judged: JudgedRow, dimensions: Sequence[str]
) -> Iterator[tuple[JudgedText, JudgedText, float]]:
    """The better and the worse text of each two, and the difference of their means."""

    def mean(one: JudgedText) -> float:
        return sum(one.scores[name] for name in dimensions) / len(dimensions)

    for left, right in itertools.combinations(judged.texts, 2):
        margin = mean(left) - mean(right)
        if margin > 0:
            yield left, right, margin
        else:
            yield right, left, -margin


def pairs_from_scores(
    rows: Sequence[JudgedRow], human: Sequence[str] = ()
) -> list[Pair]:
    """Make preference pairs of the scores that people gave.

    Each two texts for one article are a pair: the one with the higher mean over the
    dimensions is chosen. Two that are tied, or equal word by word, make none.

    Args:
        rows: at least one article, of `nutgraf.data.judged.read_judged`.
        human: dimensions of the scores; none means all.

    Returns:
        Pairs in the order of the articles; `margin` is the difference of the means, in
        points of the scale; `origin` is "article: chosen > rejected" by their systems.

    Raises:
        ConfigError: a dimension is unknown.
        DataError: there is no article.

    Example:
        >>> from nutgraf.data.rows import Row
        >>> texts = (
        ...     JudgedText("A", "It rained.", {"fluency": 5.0, "relevance": 4.0}),
        ...     JudgedText("B", "Rain rain.", {"fluency": 1.0, "relevance": 4.0}),
        ... )
        >>> pair, = pairs_from_scores([JudgedRow(Row("1", "It rained on."), texts)])
        >>> pair.chosen, pair.rejected, pair.margin, pair.origin
        ('It rained.', 'Rain rain.', 2.0, '1: A > B')
    """
    dimensions = chosen_dimensions(rows, human)
    return [
        Pair(
            judged.row.document,
            better.text,
            worse.text,
            margin,
            f"{judged.row.id}: {better.system} > {worse.system}",
        )
        for judged in rows
        for better, worse, margin in _ranked(judged, dimensions)
        if margin > _EQUAL and better.text != worse.text
    ]


def fold_of(prompt: str, folds: int = 5) -> int:
    """Return the fold of a prompt: a hash of its text alone, the same everywhere.

    Args:
        prompt: the text.
        folds: their number, at least 2.

    Returns:
        int in [0, folds).

    Raises:
        ConfigError: `folds` is less than 2.

    Example:
        >>> fold_of("It rained all day.")
        3
    """
    if folds < 2:
        raise ConfigError(
            f"folds must be at least 2. Received: folds={folds}. 5 is usual."
        )
    digest = hashlib.sha256(prompt.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") % folds


def split_pairs(pairs: Sequence[Pair], fold: int = 0, folds: int = 5) -> PairFold:
    """Hold out the pairs of some prompts, so that no article is on both sides.

    Args:
        pairs: all of them.
        fold: which fold is held out, in [0, folds).
        folds: their number, at least 2; each pair is held out in one of them. To split
            a part again, take a number that shares no factor with it: the same hash
            decides.

    Returns:
        Pairs to train on and pairs held out, both in the order given.

    Raises:
        ConfigError: `fold` or `folds` is out of range.
    """
    if not 0 <= fold < max(2, folds):
        raise ConfigError(
            f"fold must be in [0, folds). Received: fold={fold}, folds={folds}. "
            "Count from 0."
        )
    parts = PairFold([], [])
    for pair in pairs:
        held = fold_of(pair.prompt, folds) == fold
        (parts.test if held else parts.train).append(pair)
    return parts
