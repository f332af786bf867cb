"""`nutgraf demo`: everything once, offline, in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.recipes.settings import DemoSettings

__all__ = ["run"]


def run(argv: Sequence[str]) -> int:
    """Run the demo and show what it found.

    Args:
        argv: arguments after `nutgraf demo`.

    Returns:
        0.
    """
    settings = load_settings(
        DemoSettings,
        argv,
        prog="nutgraf demo",
        description=(
            "Evaluate the starter model on docstrings of installed packages, improve "
            "it by RL, evaluate again, and write report.html and result.json. Works "
            "offline. Run it again to go on after an interruption."
        ),
        examples=["nutgraf demo", "nutgraf demo --minutes 3 --out demo --seed 1"],
    )
    load_backend()
    from nutgraf.recipes.demo import demo

    result = demo(settings, say)
    _show(result)
    folder = Path(settings.out)
    say(f"\n{folder / 'report.html'}: curves, table, samples, attention, settings")
    say(
        f"{folder / 'result.json'}: the same as numbers; {result.seconds:,.0f} s in all"
    )
    return 0


def _show(result: Any) -> None:
    """Print the table and the samples."""
    from nutgraf.evaluation.table import print_table, score_table
    from nutgraf.recipes.demo_report import COLUMNS, shown_rows, systems

    for index in shown_rows(result):
        row = result.rows[index]
        say(f"\n{row.id}")
        say(f"  reference   {row.references[0]}")
        for name, texts in result.texts.items():
            say(f"  {name:11} {texts[index]}")
    say("")
    print_table(score_table(systems(result), baseline=2, metrics=COLUMNS))
