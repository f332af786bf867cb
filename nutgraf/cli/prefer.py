"""`nutgraf prefer PAIRS`: improve a model with texts of which one was preferred."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.pair_settings import PreferSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = PreferSettings


def run(argv: Sequence[str]) -> int:
    """Train a model on preferences, or go on with an interrupted training.

    Args:
        argv: arguments after `nutgraf prefer`.

    Returns:
        0.
    """
    settings = load_settings(
        SETTINGS,
        argv,
        prog="nutgraf prefer",
        description=(
            "Train a model on pairs of texts of which people preferred one, by DPO or "
            "IPO. The model that prefers as people do on most held-out pairs is the "
            "folder `best` of the run. Run it again with the same settings to go on "
            "after an interruption."
        ),
        examples=[
            "nutgraf prefer pairs.jsonl --start runs/train/best",
            "nutgraf prefer pairs.jsonl --loss ipo --beta 0.3",
            "nutgraf prefer summeval.jsonl.gz --human relevance --training.epochs 1",
        ],
        positional=["pairs"],
    )
    load_backend()
    from nutgraf.recipes.preferences import prefer

    prefer(settings, say)
    return 0
