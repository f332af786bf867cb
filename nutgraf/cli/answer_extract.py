"""`nutgraf answer` with a model that finds answers: words, places, probabilities."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nutgraf.cli.quiet import load_backend, say
from nutgraf.cli.texts import Item, chunks_of, line_of, note
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.errors import DataError

if TYPE_CHECKING:
    from nutgraf.cli.answer import AnswerSettings
    from nutgraf.evaluation.extract import Answer

__all__ = ["write_found"]

_FIELDS = ("start", "end", "score")


def _plain(answer: Answer, name: str) -> dict[str, Any]:
    """An answer as fields of a row; no answer stands nowhere."""
    stands = answer.start >= 0
    return {
        name: answer.text,
        "start": answer.start if stands else None,
        "end": answer.end if stands else None,
        "score": round(answer.score, 6),
    }


def _line(settings: AnswerSettings, item: Item, answers: list[Answer]) -> str:
    """What is shown of an item."""
    if item.record is not None:
        name = settings.target_field
        found = [_plain(answer, name) for answer in answers]
        more = {f"{name}s_found": found} if settings.top > 1 else {}
        return line_of({**item.record, **found[0], **more})
    before = f"{item.row.id}: " if len(settings.files) > 1 else ""
    return "\n".join(
        f"{before}{' '.join(answer.text.split())}\t{answer.start}:{answer.end}\t"
        f"{answer.score:.3f}"
        if answer.start >= 0
        else f"{before}(no answer)\t-\t{answer.score:.3f}"
        for answer in answers
    )


def _checked(items: list[Item]) -> list[Item]:
    """Refuse rows that have a field which the answer will get."""
    for item in items:
        taken = [name for name in _FIELDS if name in (item.record or {})]
        if taken:
            raise DataError(
                "Rows must not have the fields that an answer gets, start, end and "
                f"score. Received: `{taken[0]}`, which is in {item.row.origin}. Rename "
                "it."
            )
    return items


def write_found(
    settings: AnswerSettings, items: Iterator[Item], log: BadRowLog
) -> None:
    """Load the model, find the answers of each item, show them.

    Plain texts: one line for each answer, with its characters in the text and its
    probability. Rows: the fields `answer`, `start`, `end` and `score`, with `top` also
    `answers_found`, all of them.

    Args:
        settings: of the command.
        items: questions and texts.
        log: tells the bad rows at the end.

    Raises:
        ModelError: the model cannot be loaded.
        DataError: a question is too long, or a row has a field that the answer gets.
    """
    chunks = chunks_of(items)
    first = next(chunks)
    load_backend()
    from nutgraf.evaluation.extract import Extractor
    from nutgraf.models.span_folder import load_span_policy

    policy = load_span_policy(settings.model)
    extractor = Extractor(policy, settings.no_answer, settings.threshold)
    for chunk in itertools.chain([first], chunks):
        found = extractor.find([item.row for item in _checked(chunk)], settings.top)
        for item, answers in zip(chunk, found, strict=True):
            say(_line(settings, item, answers))
    log.tell(note)
