"""`nutgraf score`: how surprised a model is by each token of a text."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.texts import text_or_file
from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

if TYPE_CHECKING:
    from nutgraf.evaluation.surprise import TextSurprise

__all__ = ["ScoreSettings", "run"]


@dataclass(frozen=True)
class ScoreSettings:
    """Settings of `nutgraf score`."""

    text: str
    """The text, a file, or - for standard input. Needs no flag."""
    model: str
    """Model folder; a language model, or with a source any model that writes."""
    source: str = ""
    """What the text was written from: a text or a file."""
    end: bool = True
    """Judge the end of the text too."""
    top: int = 5
    """How many of the likeliest tokens are shown."""
    json: bool = False
    """Print a JSON object for each token, and one for the whole text."""

    def __post_init__(self) -> None:
        """Check the ranges, and that only one text is standard input."""
        check_ranges(self, top=">= 1")
        if self.text == self.source == "-":
            raise ConfigError(
                "Only one of text and source can be standard input. Received: - for "
                "both. Give one of them as a file."
            )


def _print_lines(found: TextSurprise) -> None:
    for token in found.tokens:
        say(json.dumps(token._asdict(), ensure_ascii=False))
    whole = {
        "tokens": len(found.tokens),
        "bytes": found.bytes,
        "nats": found.nats,
        "perplexity": found.perplexity,
        "bits_per_byte": found.bits_per_byte,
    }
    say(json.dumps(whole))


def _quoted(token: str) -> str:
    """A token between quotes, so that its spaces are seen."""
    return json.dumps(token, ensure_ascii=False)


def _print_table(found: TextSurprise) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("token", box=None)
    table.add_column("nats", justify="right")
    table.add_column("likeliest in its place")
    for token in found.tokens:
        likeliest = "  ".join(f"{_quoted(text)} {p:.2f}" for text, p in token.likeliest)
        table.add_row(Text(_quoted(token.token)), f"{token.nats:.2f}", Text(likeliest))
    Console(highlight=False, soft_wrap=not sys.stdout.isatty()).print(table)
    say(
        f"{len(found.tokens)} tokens, {found.bytes} bytes, {found.nats:.2f} nats; "
        f"perplexity {found.perplexity:.2f}, {found.bits_per_byte:.3f} bits per byte"
    )


def run(argv: Sequence[str]) -> int:
    """Score a text.

    Args:
        argv: arguments after `nutgraf score`.

    Returns:
        0.
    """
    settings = load_settings(
        ScoreSettings,
        argv,
        prog="nutgraf score",
        description=(
            "Show the surprise of each token of a text in nats, -ln p, and which "
            "tokens were likeliest in its place; then perplexity and bits per byte."
        ),
        examples=[
            'nutgraf score "It rained all day." --model runs/pretrain/best',
            "nutgraf score letter.txt --model runs/pretrain/best --json",
            "nutgraf score summary.txt --source article.txt --model starter",
        ],
        positional=["text"],
    )
    text = text_or_file(settings.text, sys.stdin.buffer)
    source = None
    if settings.source:
        source = text_or_file(settings.source, sys.stdin.buffer)
    load_backend()
    from nutgraf.evaluation.surprise import text_surprise
    from nutgraf.models.checkpoint import load_policy

    policy = load_policy(settings.model)
    found = text_surprise(policy, text, source, settings.end, settings.top)
    (_print_lines if settings.json else _print_table)(found)
    if found.unread:
        sys.stderr.write(
            f"{found.unread:,} tokens of the source were not read: the model reads "
            f"{policy.codec.max_source:,}.\n"
        )
    return 0
