"""`nutgraf train`: supervised training, from rows to the best model."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend

__all__ = ["run"]


def run(argv: Sequence[str]) -> int:
    """Train a model, or go on with an interrupted training.

    Args:
        argv: arguments after `nutgraf train`.

    Returns:
        0.
    """
    load_backend()
    from nutgraf.recipes.supervised import TrainSettings, train

    settings = load_settings(
        TrainSettings,
        argv,
        prog="nutgraf train",
        description=(
            "Train a model on rows of documents and summaries. Run it again with the "
            "same settings to go on after an interruption; the best model so far is "
            "the folder `best` of the run."
        ),
        examples=[
            "nutgraf init train news.toml",
            "nutgraf train news.toml",
            "nutgraf train news.toml --training.epochs 3 --out runs/short",
        ],
    )

    def report(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    train(settings, report)
    return 0
