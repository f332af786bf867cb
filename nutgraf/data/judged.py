"""Texts of several systems for the same articles, with the scores that people gave.

A jsonl file, gzipped or not, with one article a line: `document`, `references` (a list
of texts) and `systems`, a list of `{"system": name, "summary": text, "scores":
{dimension: number}}`; `id` if there is one. This is SummEval in one file.

Reference: Fabbri et al. 2021, "SummEval: Re-evaluating Summarization Evaluation",
arXiv 2007.12626.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import Fields, missing_field, read_records
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, DataError

__all__ = ["JudgedRow", "JudgedText", "chosen_dimensions", "read_judged"]

_SHOWN = 40  # characters of a wrong value in a message
_WORDS: dict[Any, str] = {str: "text", list: "a list", dict: "a JSON object"}


class JudgedText(NamedTuple):
    """A text and what people thought of it.

    Attributes:
        system: who wrote it.
        text: the text, possibly empty.
        scores: dimension -> mean score of the people; larger is better.
    """

    system: str
    text: str
    scores: dict[str, float]


class JudgedRow(NamedTuple):
    """An article with its judged texts.

    Attributes:
        row: the article and its references.
        texts: one per system.
    """

    row: Row
    texts: tuple[JudgedText, ...]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _field(record: dict[str, Any], name: str, kind: type, place: str) -> Any:
    """A field of the wanted type, or ValueError with the reason."""
    if name not in record:
        raise ValueError(f"{place}{missing_field(name, record)}")
    value = record[name]
    if not isinstance(value, kind):
        raise ValueError(f"{place}`{name}` must be {_WORDS[kind]}, not {_shown(value)}")
    return value


def _scores(given: dict[str, Any], wanted: Sequence[str], place: str) -> dict:
    """The scores, all of them finite, in the wanted dimensions if there are any."""
    if not given:
        raise ValueError(f"{place}`scores` is empty: people have scored nothing")
    for name in wanted:
        if name not in given:
            raise ValueError(f"{place}{missing_field(name, given)}")
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ValueError(
                f"{place}the score `{name}` must be a finite number, "
                f"not {_shown(value)}"
            )
    return {name: float(given[name]) for name in wanted or given}


def _texts(record: dict[str, Any], wanted: Sequence[str]) -> tuple[JudgedText, ...]:
    """The judged texts of an article, or ValueError with the reason."""
    found: dict[str, JudgedText] = {}
    for number, one in enumerate(_field(record, "systems", list, ""), 1):
        place = f"system {number}: "
        if not isinstance(one, dict):
            raise ValueError(f"{place}must be a JSON object, not {_shown(one)}")
        name = _field(one, "system", str, place)
        place = f"system {name!r}: "
        if name in found:
            raise ValueError(f"{place}it is there twice")
        text = _field(one, "summary", str, place)
        scores = _scores(_field(one, "scores", dict, place), wanted, place)
        wanted = wanted or tuple(scores)
        found[name] = JudgedText(name, text, scores)
    if not found:
        raise ValueError("`systems` is empty")
    return tuple(found.values())


def _judged(path: Path, log: BadRowLog, references: int) -> Iterator[JudgedRow]:
    dimensions: tuple[str, ...] = ()
    fields = Fields("document", "references")
    for row, record in read_records(path, fields, log, "jsonl"):
        try:
            texts = _texts(record, dimensions)
        except ValueError as error:
            log.good -= 1
            log.add(str(path), int(row.origin.rpartition(":")[2]), str(error))
            continue
        dimensions = dimensions or tuple(texts[0].scores)
        kept = row.references[: references or None]
        yield JudgedRow(row._replace(references=kept), texts)
    log.check()


def read_judged(
    path: str | Path,
    limit: int = 0,
    bad_rows: str = "fail",
    references: int = 0,
    report: Callable[[str], None] | None = None,
) -> list[JudgedRow]:
    """Read articles with judged texts.

    The dimensions are those of the first text of the file; each other one must have
    them too. Not every system must be there for every article.

    Args:
        path: jsonl file, gzipped or not, in the form described above.
        limit: read so many articles; 0 = all.
        bad_rows: "fail": a DataError names the first ten bad lines; "skip": they are
            left out, counted and reported.
        references: keep so many references of each article; 0 = all.
        report: called with what was left out; None warns.

    Returns:
        At least one article, in the order of the file.

    Raises:
        DataError: the file is missing or damaged, a line is bad, or none is left.
        ConfigError: `limit` or `references` is negative, or `bad_rows` is unknown.
    """
    if limit < 0 or references < 0:
        raise ConfigError(
            "limit and references must be 0 (all) or a number. Received: "
            f"limit={limit}, references={references}. Leave them out for all."
        )
    log = BadRowLog(bad_rows)
    rows = list(itertools.islice(_judged(Path(path), log, references), limit or None))
    log.tell(report)
    return rows


def chosen_dimensions(
    rows: Sequence[JudgedRow], chosen: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the dimensions of human scores that are asked for.

    Args:
        rows: at least one article.
        chosen: names; none means all that there are.

    Returns:
        Names, in the order asked for, each once.

    Raises:
        ConfigError: a name is unknown.
        DataError: there is no article.

    Example:
        >>> text = JudgedText("A", "It rained.", {"fluency": 5.0, "relevance": 2.0})
        >>> chosen_dimensions([JudgedRow(Row("1", "It rained."), (text,))])
        ('fluency', 'relevance')
    """
    if not rows:
        raise DataError(
            "There must be at least one article with judged texts. Received: none. "
            "Read some with read_judged."
        )
    known = tuple(rows[0].texts[0].scores)
    for name in chosen:
        if name not in known:
            raise ConfigError(
                f"human must name scores that people gave: {', '.join(known)}. "
                f"Received: {name!r}. Choose among them, or leave it out for all."
            )
    return tuple(dict.fromkeys(chosen)) or known
