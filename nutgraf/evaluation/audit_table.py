"""A reward audit in words and as tables."""

from __future__ import annotations

from nutgraf.evaluation.audit import Agreement, Audit, Question
from nutgraf.evaluation.table import ScoreTable

__all__ = ["NAMES", "UNDEFINED", "agreement_table", "articles_of", "audit_note"]
__all__ += ["findings"]

NAMES = {"kendall": "tau-b", "spearman": "rho"}
"""Coefficients as tables call them."""

UNDEFINED = "–"
"""What stands for a correlation that there is not."""


def _cell(agreement: Agreement) -> str:
    if agreement.value is None:
        return UNDEFINED
    value, low, high, _ = agreement
    return f"{value:z.2f} [{low:z.2f}, {high:z.2f}]"  # z: no -0.00


def articles_of(audit: Audit, level: str, reward: str) -> str:
    """Say how many articles the correlations of a reward are made of.

    Args:
        audit: of `audit_rewards`.
        level: one of `nutgraf.evaluation.audit.LEVELS`.
        reward: one of those audited.

    Returns:
        A number, or the smallest and the largest over the dimensions.
    """
    counts = [
        audit.agreement[Question(level, "kendall", reward, human)].articles
        for human in audit.human
    ]
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low}-{high}"


def agreement_table(audit: Audit, level: str, coefficient: str) -> ScoreTable:
    """Put one kind of correlation into a table.

    Args:
        audit: of `audit_rewards`.
        level: one of `nutgraf.evaluation.audit.LEVELS`.
        coefficient: one of `nutgraf.evaluation.audit.COEFFICIENTS`.

    Returns:
        A line per reward, a column per dimension, then the number of articles; cells
        are "value [low, high]", or `UNDEFINED`. The first column names what the
        numbers are. There is no note.
    """
    rows = [
        [
            reward,
            *(
                _cell(audit.agreement[Question(level, coefficient, reward, human)])
                for human in audit.human
            ),
            articles_of(audit, level, reward),
        ]
        for reward in audit.rewards
    ]
    first = f"{level} {NAMES[coefficient]}"
    return ScoreTable([first, *audit.human, "articles"], rows, "")


def audit_note(audit: Audit) -> str:
    """Say what the numbers of an audit are made of.

    Args:
        audit: of `audit_rewards`.

    Returns:
        Some lines: n, what the levels are, intervals, rewards that skipped texts.
    """
    lines = [
        f"n = {audit.articles} articles, {len(audit.systems)} systems, "
        f"{audit.texts:,} texts; 95 % bootstrap intervals over articles "
        f"({audit.resamples:,} resamples)",
        "summary: order of the texts for one article, mean over the articles on which "
        "both sides have an order",
        "system: order of the systems by their means",
    ]
    lines += [
        f"{reward}: judged {count:,} of {audit.texts:,} texts"
        for reward, count in audit.judged.items()
        if count < audit.texts
    ]
    return "\n".join(lines)


def _names(names: list[str]) -> str:
    return ", ".join(names) or "none"


def findings(audit: Audit) -> list[str]:
    """Say for each dimension which rewards put texts in the order people do.

    It is the summary level that counts, by Kendall's tau-b: a reward is with people, or
    against them, when the whole interval is above, or below, 0.

    Args:
        audit: of `audit_rewards`.

    Returns:
        One sentence per dimension.
    """
    found = []
    for human in audit.human:
        answers = {
            reward: audit.agreement[Question("summary", "kendall", reward, human)]
            for reward in audit.rewards
        }
        known = {name: one for name, one in answers.items() if one.value is not None}
        ranked = sorted(known, key=lambda name: -(known[name].value or 0.0))
        agree = [name for name in ranked if (known[name].low or 0.0) > 0]
        against = [name for name in ranked if (known[name].high or 0.0) < 0]
        rest = [name for name in audit.rewards if name not in agree + against]
        shown = [f"{name} ({known[name].value:.2f})" for name in agree]
        found.append(
            f"{human}: with people {_names(shown)}; against them {_names(against)}; "
            f"no sure order {_names(rest)}."
        )
    return found
