"""`nutgraf train-search INDEX`: models for search, from judged queries."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.search.settings import TrainSearchSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = TrainSearchSettings


def run(argv: Sequence[str]) -> int:
    """Train a model for search, or go on with an interrupted training.

    Args:
        argv: arguments after `nutgraf train-search`.

    Returns:
        0.
    """
    settings = load_settings(
        SETTINGS,
        argv,
        prog="nutgraf train-search",
        description=(
            "Train a model on queries whose documents were judged: the bi-encoder of "
            "dense search, a ranker, or a ranker further by RL on nDCG. The best model "
            "on held-out queries is the folder `best` of the run. Run it again with "
            "the same settings to go on after an interruption."
        ),
        examples=[
            "nutgraf train-search runs/index --queries queries.jsonl --qrels "
            "qrels.jsonl",
            "nutgraf train-search runs/index --queries queries.jsonl --qrels "
            "qrels.jsonl --objective rl --start runs/search/best --out runs/search-rl",
            "nutgraf index news.jsonl --dense runs/bi-encoder/best",
        ],
        positional=["index"],
    )
    load_backend()
    from nutgraf.recipes.search import train_search

    train_search(settings, say)
    return 0
