"""`nutgraf train`: supervised training, from rows to the best model."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.settings import TrainSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = TrainSettings
"""What `nutgraf init train` writes."""


def run(argv: Sequence[str]) -> int:
    """Train a model, or go on with an interrupted training.

    Args:
        argv: arguments after `nutgraf train`.

    Returns:
        0.
    """
    settings = load_settings(
        TrainSettings,
        argv,
        prog="nutgraf train",
        description=(
            "Train a model on rows of texts and what is to be written about them: "
            "summaries, translations, answers (--task). Run it again with the "
            "same settings to go on after an interruption. The best model so far is "
            "the folder `best` of the run."
        ),
        examples=[
            "nutgraf init train news.toml",
            "nutgraf train news.toml",
            "nutgraf train --task translate --data.source files --data.train a.jsonl "
            "--data.valid b.jsonl --data.source_field en --data.target_field de",
            "nutgraf train news.toml --training.epochs 3 --out runs/short",
        ],
    )
    load_backend()
    from nutgraf.recipes.supervised import train

    train(settings, say)
    return 0
