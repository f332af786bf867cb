"""`nutgraf generate`: a language model goes on from a prompt."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.texts import text_or_file
from nutgraf.ranges import check_ranges

__all__ = ["GenerateSettings", "run"]


@dataclass(frozen=True)
class GenerateSettings:
    """Settings of `nutgraf generate`."""

    prompt: str
    """The text to go on from, a file, or - for standard input. Needs no flag."""
    model: str
    """Model folder of a language model."""
    length: int = 0
    """Most tokens of a continuation; 0 = as many as the model learned to write."""
    samples: int = 1
    """How many continuations."""
    temperature: float = 1.0
    """Below 1 sharper, above flatter; 0 takes the likeliest token each time."""
    top_k: int = 0
    """Draw among so many of the likeliest tokens; 0 = all."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that have this share of the probability."""
    seed: int = 0
    """Of the draws; the same seed gives the same texts."""
    json: bool = False
    """Print a JSON object for each continuation."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(
            self,
            samples=">= 1",
            top_p="(0, 1]",
            **dict.fromkeys(("length", "temperature", "top_k", "seed"), ">= 0"),
        )


def run(argv: Sequence[str]) -> int:
    """Go on from a prompt.

    Args:
        argv: arguments after `nutgraf generate`.

    Returns:
        0.
    """
    settings = load_settings(
        GenerateSettings,
        argv,
        prog="nutgraf generate",
        description="Print a prompt and how a language model goes on from it.",
        examples=[
            'nutgraf generate "It rained" --model runs/pretrain/best --top_p 0.9',
            "nutgraf generate start.txt --model runs/pretrain/best --samples 3",
        ],
        positional=["prompt"],
    )
    prompt = text_or_file(settings.prompt, sys.stdin.buffer)
    load_backend()
    from nutgraf.arrays import Processors
    from nutgraf.evaluation.continuations import continuations
    from nutgraf.models.checkpoint import load_policy

    processors = Processors(
        settings.temperature or 1.0, top_k=settings.top_k, top_p=settings.top_p
    )
    found, unread = continuations(
        load_policy(settings.model),
        prompt,
        settings.samples,
        settings.length,
        processors,
        greedy=not settings.temperature,
        seed=settings.seed,
    )
    for number, each in enumerate(found, 1):
        if settings.json:
            say(json.dumps({"prompt": prompt, **each._asdict()}, ensure_ascii=False))
            continue
        if settings.samples > 1:
            say(f"--- {number}")
        say(prompt + each.text)
    if unread:
        sys.stderr.write(
            f"The first {unread:,} tokens of the prompt were not read: it is longer "
            "than the model's context leaves room for.\n"
        )
    return 0
