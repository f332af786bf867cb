"""`nutgraf choose`: which kind of model suits these data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.choose_settings import ChooseSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = ChooseSettings
"""What `nutgraf init choose` writes."""


def _quietly(function: Callable[..., Any], *args: Any) -> Any:
    """In a new process: load the framework before the function does."""
    load_backend()
    return function(*args)


def run(argv: Sequence[str]) -> int:
    """Train the models, print one table, write `choice.json`.

    Args:
        argv: arguments after `nutgraf choose`.

    Returns:
        0.
    """
    settings = load_settings(
        ChooseSettings,
        argv,
        prog="nutgraf choose",
        description=(
            "Train models of several kinds on the same rows, with as many weights or "
            "FLOPs each, write the texts of the test rows and print what each gave and "
            "took. Run it again with the same settings to go on after an interruption. "
            "The best weights of each are the folder `best` of its run."
        ),
        examples=[
            "nutgraf choose --models transformer lstm --model.size tiny",
            "nutgraf choose --task translate --data.source files --data.train a.jsonl "
            "--data.valid b.jsonl --data.test c.jsonl --match flops",
        ],
    )
    from nutgraf.evaluation.table import print_table
    from nutgraf.recipes.choose import CHOICE, choice_table, choose, in_a_process

    def in_silence(*args: Any) -> Any:
        return in_a_process(_quietly, *args)

    found = choose(settings, say, in_silence)
    if found:
        print_table(choice_table(found, settings))
        say(f"wrote {CHOICE} into {settings.out}")
    return 0
