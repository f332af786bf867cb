"""`nutgraf pretrain`: learn a language from plain documents."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.pretrain_settings import PretrainSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = PretrainSettings
"""What `nutgraf init pretrain` writes."""


def run(argv: Sequence[str]) -> int:
    """Train a model on documents, or go on with an interrupted training.

    Args:
        argv: arguments after `nutgraf pretrain`.

    Returns:
        0.
    """
    settings = load_settings(
        PretrainSettings,
        argv,
        prog="nutgraf pretrain",
        description=(
            "Train a language model, or a BERT (--model.architecture bert), on plain "
            "documents, packed into rows. Run it again with the same settings to go on "
            "after an interruption. The best model so far is the folder `best` of the "
            "run."
        ),
        examples=[
            "nutgraf pretrain --model.size tiny --training.epochs 2",
            "nutgraf pretrain --data.source files --data.train texts/ more.jsonl",
            "nutgraf pretrain --model.architecture bert --out runs/bert",
            "nutgraf init pretrain books.toml",
        ],
    )
    load_backend()
    from nutgraf.recipes.pretrain import pretrain

    pretrain(settings, say)
    return 0
