"""`nutgraf answer`: a question and texts in, answers out; files of rows too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nutgraf.cli.config import load_settings
from nutgraf.cli.texts import Item, TextSettings, read_items, write_items
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.questions import ask
from nutgraf.errors import ConfigError

__all__ = ["AnswerSettings", "run"]


@dataclass(frozen=True, kw_only=True)
class AnswerSettings(TextSettings):
    """Settings of `nutgraf answer`."""

    model: str
    """Model folder, of `nutgraf train --task answer`."""
    question: str = ""
    """What is asked about each text; "" for jsonl whose rows have a question each."""
    source_field: str = "context"
    """For jsonl: field with the text that holds the answer."""
    question_field: str = "question"
    """For jsonl, without --question: field with the question."""
    target_field: str = "answer"
    """For jsonl: new field for the answer."""


def _items(settings: AnswerSettings, log: BadRowLog) -> Iterator[Item]:
    """What is asked, the question being the first line of each source."""
    asked = " ".join(settings.question.split())
    for item in read_items(settings, log, None if asked else settings.question_field):
        if asked:
            document = ask(asked, item.row.document)
            yield item._replace(row=item.row._replace(document=document))
            continue
        if item.record is None:
            raise ConfigError(
                "A plain text must be asked a question. Received: no --question for "
                f'{item.row.id}. Add --question "...", or give jsonl whose rows have '
                "a question each."
            )
        yield item


def run(argv: Sequence[str]) -> int:
    """Answer questions.

    Args:
        argv: arguments after `nutgraf answer`.

    Returns:
        0.
    """
    settings = load_settings(
        AnswerSettings,
        argv,
        prog="nutgraf answer",
        description=(
            "Answer one question about each text, or the question of each row of a "
            "jsonl file, which gives jsonl: each row with one more field."
        ),
        examples=[
            'nutgraf answer letter.txt --question "Who wrote?" --model runs/qa/best',
            "nutgraf answer squad.jsonl --model runs/qa/best > answered.jsonl",
        ],
        positional=["files"],
    )
    log = BadRowLog(settings.bad_rows)
    write_items(settings, _items(settings, log), log)
    return 0
