"""`nutgraf answer`: a question and texts in, answers out; files of rows too.

The model folder says how: a model that writes answers, or one that finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nutgraf.cli.answer_extract import write_found
from nutgraf.cli.config import load_settings
from nutgraf.cli.texts import Item, TextSettings, Write, read_items, write_items
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.questions import ask, split_asked
from nutgraf.data.rows import Row
from nutgraf.defaults import changed
from nutgraf.errors import ConfigError, DataError
from nutgraf.models.bert_folder import is_bert
from nutgraf.ranges import check_ranges

if TYPE_CHECKING:
    from nutgraf.recipes.long import Reader

__all__ = ["AnswerSettings", "run"]

_WRITES = ("beams", "length", "min_length", "length_penalty", "no_repeat_ngram")
_FINDS = ("top", "no_answer", "threshold")
"""Settings that one kind of model alone reads."""


@dataclass(frozen=True, kw_only=True)
class AnswerSettings(TextSettings):
    """Settings of `nutgraf answer`."""

    model: str
    """Model folder, of `nutgraf train --task answer` or `--task extract`."""
    question: str = ""
    """What is asked about each text; "" for jsonl whose rows have a question each."""
    top: int = 1
    """For a model that finds answers: so many answers, the likeliest first."""
    no_answer: bool = False
    """For a model that finds answers: the answer may be that the text has none."""
    threshold: float = 0.0
    """With no_answer: an answer must be so many nats likelier than none."""
    source_field: str = "context"
    """For jsonl: field with the text that holds the answer."""
    question_field: str = "question"
    """For jsonl, without --question: field with the question."""
    target_field: str = "answer"
    """For jsonl: new field for the answer."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        check_ranges(self, top=">= 1")


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


def _refuse_idle(settings: AnswerSettings, names: Sequence[str], does: str) -> None:
    """Refuse settings that this kind of model does not read."""
    idle = [f"--{name} {value}" for name, value in changed(settings, *names).items()]
    if idle:
        raise ConfigError(
            f"A model that {does} answers reads no such setting. Received: "
            f"{', '.join(idle)} for {settings.model}. Leave it out."
        )


def _with_room(writer: Reader) -> Write:
    """Write, but refuse questions that leave no room for any of their text."""

    def write(rows: Sequence[Row]) -> list[str]:
        asked = [f"{split_asked(row.document).question}\n" for row in rows]
        for row, ids in zip(rows, writer.tokenizer.encode_batch(asked), strict=True):
            if len(ids) >= writer.longest:
                raise DataError(
                    "A question must have fewer word pieces than the model reads, "
                    f"{writer.longest:,}, so that some of the text is read too. "
                    f"Received: {len(ids):,} in {row.origin or row.id}. Shorten it, "
                    "or train with a larger model.max_source."
                )
        return writer(rows)

    return write


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
            "jsonl file, which gives jsonl: each row with one more field. A model of "
            "`--task extract` says where in the text its answers stand."
        ),
        examples=[
            'nutgraf answer letter.txt --question "Who wrote?" --model runs/qa/best',
            "nutgraf answer squad.jsonl --model runs/qa/best > answered.jsonl",
            'nutgraf answer letter.txt --question "Who?" --model runs/qa/best --top 3',
        ],
        positional=["files"],
    )
    log = BadRowLog(settings.bad_rows)
    finds = is_bert(Path(settings.model))
    _refuse_idle(settings, *((_WRITES, "finds") if finds else (_FINDS, "writes")))
    items = _items(settings, log)
    if finds:
        write_found(settings, items, log)
    else:
        write_items(settings, items, log, _with_room)
    return 0
