"""`nutgraf reward-model PAIRS`: learn from preferences to judge texts."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.pair_settings import RewardModelSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = RewardModelSettings


def run(argv: Sequence[str]) -> int:
    """Train a reward model, or go on with an interrupted training.

    Args:
        argv: arguments after `nutgraf reward-model`.

    Returns:
        0.
    """
    settings = load_settings(
        SETTINGS,
        argv,
        prog="nutgraf reward-model",
        description=(
            "Train a model to judge texts, from pairs of which people preferred one. "
            "The model that orders held-out pairs best is the folder `best` of the "
            "run; name it as a reward: learned:runs/reward-model/best. Run it again "
            "with the same settings to go on after an interruption."
        ),
        examples=[
            "nutgraf reward-model pairs.jsonl",
            "nutgraf reward-model summeval.jsonl.gz --human relevance --max_text 160",
            "nutgraf reward-model pairs.jsonl --training.epochs 1 --margin_weight 1",
            "nutgraf rl news.toml --reward.parts learned:runs/reward-model/best",
            "nutgraf audit-reward summeval.jsonl.gz --rewards "
            "learned:runs/reward-model/best",
        ],
        positional=["pairs"],
    )
    load_backend()
    from nutgraf.recipes.reward_model import train_reward_model

    train_reward_model(settings, say)
    return 0
