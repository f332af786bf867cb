"""`nutgraf summarize`: text in, summary out; files of rows or standard input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.texts import TextSettings, Write, read_items, write_items
from nutgraf.data.bad_rows import BadRowLog

if TYPE_CHECKING:
    from nutgraf.recipes.long import Reader

__all__ = ["SummarizeSettings", "run"]


@dataclass(frozen=True, kw_only=True)
class SummarizeSettings(TextSettings):
    """Settings of `nutgraf summarize`."""

    model: str = "starter"
    """Model folder; "starter" for the one in the package, which has read Python
    docstrings alone: `nutgraf train` makes a model for other texts."""
    long: Literal["cut", "windows"] = "cut"
    """Of a text longer than the model reads: the beginning; or all of it, in windows of
    which each is summarised, and their summaries again until they fit."""
    no_repeat_ngram: int = 3
    """No n-gram of this size occurs twice in a summary; 0 = off."""
    source_field: str = "document"
    """For jsonl: field with the text."""
    target_field: str = "summary"
    """For jsonl: new field for the summary."""


def run(argv: Sequence[str]) -> int:
    """Summarise texts.

    Args:
        argv: arguments after `nutgraf summarize`.

    Returns:
        0.
    """
    settings = load_settings(
        SummarizeSettings,
        argv,
        prog="nutgraf summarize",
        description=(
            "Write a summary of each text. A jsonl file gives jsonl: each row with one "
            "more field."
        ),
        examples=[
            'echo "some text" | nutgraf summarize',
            "nutgraf summarize letter.txt report.txt --model runs/rl/last",
            "nutgraf summarize book.txt --long windows",
            "nutgraf summarize news.jsonl --source_field article > short.jsonl",
        ],
        positional=["files"],
    )

    def how(writer: Reader) -> Write:
        from nutgraf.recipes.long import Windows

        return Windows(writer) if settings.long == "windows" else writer

    log = BadRowLog(settings.bad_rows)
    write_items(settings, read_items(settings, log), log, how)
    return 0
