"""`nutgraf report RUN`: one HTML file with the curves, scores and texts of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import say

__all__ = ["ReportSettings", "run"]


@dataclass(frozen=True)
class ReportSettings:
    """Settings of `nutgraf report`."""

    run: Path
    """Run folder of `nutgraf train` or `nutgraf rl`, finished or not. Needs no flag."""
    out: Path | None = None
    """The file to write; without it, report.html in the run folder."""


def run(argv: Sequence[str]) -> int:
    """Write the report of a run folder and print its path.

    Args:
        argv: arguments after `nutgraf report`.

    Returns:
        0.
    """
    settings = load_settings(
        ReportSettings,
        argv,
        prog="nutgraf report",
        description=(
            "Write the report of a run as one HTML file: curves, scores with "
            "intervals, texts beside each other, settings. It needs no network."
        ),
        examples=[
            "nutgraf report runs/rl",
            "nutgraf report runs/rl --out rl.html",
        ],
        positional=["run"],
    )
    from nutgraf.report.run import report_of_run
    from nutgraf.report.write import write_report

    report = report_of_run(settings.run)
    say(str(write_report(settings.out or settings.run / "report.html", report)))
    return 0
