"""`nutgraf translate`: text in, its translation out; files of rows, standard input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.texts import TextSettings, Write, read_items, write_items
from nutgraf.data.bad_rows import BadRowLog

__all__ = ["TranslateSettings", "run"]


@dataclass(frozen=True, kw_only=True)
class TranslateSettings(TextSettings):
    """Settings of `nutgraf translate`."""

    model: str
    """Model folder, of `nutgraf train --task translate`; it knows one direction."""
    split: Literal["lines", "sentences", "none"] = "lines"
    """What is translated at once: a line, a sentence, or a whole text."""
    source_field: str = "source"
    """For jsonl: field with the text."""
    target_field: str = "translation"
    """For jsonl: new field for the translation."""


def run(argv: Sequence[str]) -> int:
    """Translate texts.

    Args:
        argv: arguments after `nutgraf translate`.

    Returns:
        0.
    """
    settings = load_settings(
        TranslateSettings,
        argv,
        prog="nutgraf translate",
        description=(
            "Write the translation of each text, line by line. A jsonl file gives "
            "jsonl: each row with one more field."
        ),
        examples=[
            'echo "A dog runs." | nutgraf translate --model runs/translate/best',
            "nutgraf translate letter.txt --model runs/mt/best --split sentences",
            "nutgraf translate a.jsonl --source_field en --model runs/mt/best",
        ],
        positional=["files"],
    )

    def how(writer: Write) -> Write:
        from nutgraf.recipes.lines import LineByLine

        if settings.split == "none":
            return writer
        return LineByLine(writer, settings.split == "sentences")

    log = BadRowLog(settings.bad_rows)
    write_items(settings, read_items(settings, log), log, how, lines=True)
    return 0
