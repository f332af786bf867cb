"""`nutgraf rl`: improve a trained model with a reward."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.settings import ImproveSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = ImproveSettings
"""What `nutgraf init rl` writes."""


def run(argv: Sequence[str]) -> int:
    """Improve a model, or go on with an interrupted run.

    Args:
        argv: arguments after `nutgraf rl`.

    Returns:
        0.
    """
    settings = load_settings(
        ImproveSettings,
        argv,
        prog="nutgraf rl",
        description=(
            "Improve a model by reinforcement learning, or by more supervised training "
            "as the control. Run it again with the same settings to go on after an "
            "interruption. The model after the last update is the folder `last` of the "
            "run; `best` is that of the highest reward on validation rows among the "
            "looks at which the guard found nothing broken (--guard.on off keeps none)."
        ),
        examples=[
            "nutgraf init rl news-rl.toml",
            "nutgraf rl news-rl.toml",
            "nutgraf rl news-rl.toml --start runs/train/best --out runs/rl",
            "nutgraf rl news-rl.toml --reward.parts random --out runs/random",
            "nutgraf rl news-rl.toml --algorithm supervised --out runs/supervised",
            "nutgraf rl --algorithm ppo --options kl_target=6 critic=separate",
            "nutgraf rl news-rl.toml --guard.on return",
            "nutgraf rl --task translate --start runs/mt/best --data.source files "
            "--data.train a.jsonl --data.source_field en --data.target_field de",
            "nutgraf rl --reward.parts rouge=1 'length(low=0.8)=0.2' mine.py:score=1",
        ],
    )
    load_backend()
    from nutgraf.recipes.improve import improve

    improve(settings, say)
    return 0
