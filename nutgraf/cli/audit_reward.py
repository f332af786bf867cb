"""`nutgraf audit-reward FILE`: does a reward rank texts as people do?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import say
from nutgraf.ranges import check_ranges

if TYPE_CHECKING:
    from nutgraf.rewards.base import Reward
    from nutgraf.text.words import WordKind

__all__ = ["AuditRewardSettings", "run"]


@dataclass(frozen=True)
class AuditRewardSettings:
    """Settings of `nutgraf audit-reward`."""

    file: Path
    """jsonl file with texts of systems that people have scored. Needs no flag."""
    rewards: tuple[str, ...] = ()
    """As in a config, `file.py:function` too; none = all that need no options."""
    weighted_sum: bool = False
    """Audit the weighted sum of the rewards too, which training would use."""
    human: tuple[str, ...] = ()
    """Dimensions of human scores to compare with; none = all."""
    limit: int = 0
    """Read so many articles, for a quick look; 0 = all."""
    references: int = 0
    """Give rewards so many references of each article; 0 = all. Training has one."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """What to do with lines that cannot be used: show ten and stop, or leave them."""
    out: Path | None = None
    """Folder for audit.html and audit.json; without it, nothing is written."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, limit=">= 0", references=">= 0")


def _rewards(settings: AuditRewardSettings, words: WordKind) -> dict[str, Reward]:
    """The rewards by what was typed, each once."""
    from nutgraf.rewards.parse import parse_parts
    from nutgraf.rewards.registry import ready_parts

    specs = settings.rewards or ready_parts(words)
    found: dict[str, Reward] = {}
    for spec in specs:
        ((reward, _),) = parse_parts([spec], words).parts.values()
        found[spec] = reward
    if settings.weighted_sum:
        found["weighted sum"] = parse_parts(specs, words)
    return found


def run(argv: Sequence[str]) -> int:
    """Audit rewards, print the tables, write the page if a folder is named.

    Args:
        argv: arguments after `nutgraf audit-reward`.

    Returns:
        0.
    """
    settings = load_settings(
        AuditRewardSettings,
        argv,
        prog="nutgraf audit-reward",
        description=(
            "Rank texts that people have scored by rewards and print how far the "
            "orders agree: Kendall's tau-b and Spearman's rho with 95 % intervals, "
            "among the texts for one article and among systems."
        ),
        examples=[
            "nutgraf audit-reward summeval.jsonl.gz",
            "nutgraf audit-reward summeval.jsonl.gz --rewards chrf my_reward.py:score",
            "nutgraf audit-reward summeval.jsonl.gz --human relevance --limit 20",
            "nutgraf audit-reward summeval.jsonl.gz --rewards rouge=1 length=0.2 "
            "--weighted_sum",
            "nutgraf audit-reward summeval.jsonl.gz --out runs/audit",
        ],
        positional=["file"],
    )
    from nutgraf.data.judged import chosen_dimensions, read_judged
    from nutgraf.evaluation.audit import COEFFICIENTS, LEVELS, audit_rewards
    from nutgraf.evaluation.audit_table import agreement_table, audit_note, findings
    from nutgraf.evaluation.table import print_table
    from nutgraf.evaluation.texts import words_of
    from nutgraf.training.log import progress_bar

    rows = read_judged(
        settings.file, settings.limit, settings.bad_rows, settings.references, say
    )
    chosen_dimensions(rows, settings.human)  # a misspelt one is told before the work
    rewards = _rewards(settings, words_of([judged.row for judged in rows]))
    with progress_bar("judging", len(rows) * len(rewards)) as advance:
        audit = audit_rewards(rows, rewards, settings.human, done=advance)
    for level in LEVELS:
        for coefficient in COEFFICIENTS:
            print_table(agreement_table(audit, level, coefficient))
    for line in [*audit_note(audit).splitlines(), "", *findings(audit)]:
        say(line)
    if settings.out:
        from nutgraf.report.audit import write_audit

        written = write_audit(settings.out, audit, dataclasses.asdict(settings))
        say(f"wrote {' and '.join(path.name for path in written)} into {settings.out}")
    return 0
