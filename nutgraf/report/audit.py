"""The page of a reward audit: a heat map, the tables, and the numbers as JSON.

In the heat map blue is agreement with people, orange the opposite, paler near 0. A
number whose interval holds 0 is muted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nutgraf import __version__
from nutgraf.evaluation.audit import COEFFICIENTS, LEVELS, Agreement, Audit, Question
from nutgraf.evaluation.audit_table import (
    NAMES,
    UNDEFINED,
    articles_of,
    audit_note,
    findings,
)
from nutgraf.files import write_json, write_text
from nutgraf.report.page import render
from nutgraf.report.parts import Estimate, Fact, Report, Table
from nutgraf.report.svg import COLORS, clean, inline_svg, style

__all__ = ["audit_numbers", "audit_page", "draw_audit", "write_audit"]

_TITLES = {
    "summary": "texts for one article",
    "system": "systems by their means",
}
_HOW_TO_READ = (
    "Kendall's tau-b: 1 is the order of people, 0 is chance, -1 the reverse. Numbers "
    "whose 95 % interval holds 0 are muted; – is undefined. RL compares texts for one "
    "prompt, as on the left."
)
_WIDE, _TALL, _GAP, _TOP = 0.72, 0.27, 0.2, 0.85  # inches: a cell, between, above
_LETTER, _LONGEST = 0.076, 28  # inches, characters
_FULL = 0.6  # opacity of a correlation of 1, so that numbers stay legible


def _label(name: str) -> str:
    name = clean(name)
    return name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]


def _is_sure(agreement: Agreement) -> bool:
    value, low, high, _ = agreement
    return None not in (value, low, high) and (low or 0.0) * (high or 0.0) > 0


def _draw_cell(axes: Any, column: int, row: int, agreement: Agreement) -> None:
    from matplotlib.patches import Rectangle

    value = agreement.value
    if value is not None:
        color = COLORS["series-1" if value > 0 else "series-2"]
        box = Rectangle((column, row), 1, 1, color=color, linewidth=0)
        box.set_alpha(_FULL * abs(value))
        axes.add_patch(box)
    axes.text(
        column + 0.5,
        row + 0.5,
        UNDEFINED if value is None else f"{value:z.2f}",
        color=COLORS["ink" if _is_sure(agreement) else "muted"],
        ha="center",
        va="center",
    )


def _draw_level(axes: Any, audit: Audit, level: str) -> None:
    across, down = len(audit.human), len(audit.rewards)
    for row, reward in enumerate(audit.rewards):
        for column, human in enumerate(audit.human):
            question = Question(level, "kendall", reward, human)
            _draw_cell(axes, column, row, audit.agreement[question])
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    axes.set_xticks([column + 0.5 for column in range(across)])
    axes.set_xticklabels([_label(human) for human in audit.human], rotation=30)
    axes.xaxis.tick_top()
    for label in axes.get_xticklabels():
        label.set_ha("left")
    axes.set_yticks([row + 0.5 for row in range(down)])
    axes.set_yticklabels([])
    axes.set_title(_TITLES[level], color=COLORS["muted"], loc="left", pad=6, fontsize=9)
    axes.tick_params(length=0, labelcolor=COLORS["ink"], pad=3)
    for line in range(across + 1):
        axes.axvline(line, color=COLORS["grid"], linewidth=0.5)
    for line in range(down + 1):
        axes.axhline(line, color=COLORS["grid"], linewidth=0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_audit(audit: Audit, prefix: str = "audit-") -> str:
    """Draw tau-b of every reward with every dimension as an `<svg>` element.

    Args:
        audit: of `audit_rewards`.
        prefix: of the ids in it, another one for each picture of the page.

    Returns:
        The element: a row per reward, a column per dimension, for texts of an article
        on the left and for systems on the right.
    """
    from matplotlib.figure import Figure

    names = [_label(reward) for reward in audit.rewards]
    left = _LETTER * max(map(len, names)) + 0.15
    right = _LETTER * len(_label(audit.human[-1])) * 0.87
    wide, tall = _WIDE * len(audit.human), _TALL * len(names)
    gap = max(_GAP, right)
    width, height = left + 2 * wide + gap + right, _TOP + tall + 0.06
    with style():
        figure = Figure(figsize=(width, height))
        for number, level in enumerate(LEVELS):
            start = left + number * (wide + gap)
            box = start / width, 0.06 / height, wide / width, tall / height
            axes = figure.add_axes(box)
            _draw_level(axes, audit, level)
            if not number:
                axes.set_yticklabels(names)
        return inline_svg(figure, prefix, "agreement of rewards with people")


def _estimate(agreement: Agreement) -> Estimate:
    return Estimate(*(math.nan if end is None else end for end in agreement[:3]))


def _tables(audit: Audit) -> list[Table]:
    return [
        Table(
            f"{_TITLES[level].capitalize()}: {NAMES[coefficient]}",
            ["reward", *audit.human, "articles"],
            [
                [
                    reward,
                    *(
                        _estimate(
                            audit.agreement[Question(level, coefficient, reward, human)]
                        )
                        for human in audit.human
                    ),
                    articles_of(audit, level, reward),
                ]
                for reward in audit.rewards
            ],
        )
        for level in LEVELS
        for coefficient in COEFFICIENTS
    ]


def _systems(audit: Audit) -> Table:
    """The means behind the system level, the best by people first."""
    columns = {**audit.human_means, **audit.reward_means}

    def liked(number: int) -> float:
        return sum(means[number] or 0.0 for means in audit.human_means.values())

    rows = [
        [audit.systems[number], *(means[number] for means in columns.values())]
        for number in sorted(range(len(audit.systems)), key=liked, reverse=True)
    ]
    note = "Means over articles: what people gave, then each reward."
    return Table("Systems", ["system", *columns], rows, note)


def audit_page(audit: Audit, settings: Mapping[str, Any]) -> str:
    """Write the page of an audit.

    Args:
        audit: of `audit_rewards`.
        settings: names and values of what was asked for; `file` names the page.

    Returns:
        A whole HTML5 page that refers to nothing outside itself.
    """
    report = Report(
        title=f"What rewards buy: {Path(str(settings.get('file', ''))).name}",
        kind="reward audit",
        facts=[
            Fact("Articles", f"{audit.articles:,}"),
            Fact("Systems", f"{len(audit.systems):,}"),
            Fact("Judged texts", f"{audit.texts:,}"),
            Fact("Rewards", f"{len(audit.rewards):,}"),
        ],
        summary=[*findings(audit), *audit_note(audit).splitlines()],
        tables=[*_tables(audit), _systems(audit)],
        settings=settings,
    )
    picture = (
        '<section id="agreement"><h2>Agreement</h2>\n<figure class="card heat">'
        f'<div class="scroll">{draw_audit(audit)}</div><figcaption><p class="note">'
        f"{_HOW_TO_READ}</p></figcaption></figure></section>\n"
    )
    start, main, rest = render(report).partition("<main>\n")
    return start + main + picture + rest


def audit_numbers(audit: Audit) -> dict[str, Any]:
    """Return an audit as what JSON can hold.

    Args:
        audit: of `audit_rewards`.

    Returns:
        n, the means of each system, and under `rewards` for each reward: `texts` it
        judged, and for each level and coefficient the dimensions with `value`, `low`,
        `high` (None where it is undefined) and `articles`.
    """

    def answers(level: str, coefficient: str, reward: str) -> dict[str, Any]:
        found = {
            human: audit.agreement[Question(level, coefficient, reward, human)]
            for human in audit.human
        }
        return {human: one._asdict() for human, one in found.items()}

    return {
        "articles": audit.articles,
        "systems": {
            system: {
                "human": {h: m[number] for h, m in audit.human_means.items()},
                "rewards": {r: m[number] for r, m in audit.reward_means.items()},
            }
            for number, system in enumerate(audit.systems)
        },
        "texts": audit.texts,
        "human": list(audit.human),
        "resamples": audit.resamples,
        "seed": audit.seed,
        "rewards": {
            reward: {
                "texts": audit.judged[reward],
                **{
                    level: {name: answers(level, name, reward) for name in COEFFICIENTS}
                    for level in LEVELS
                },
            }
            for reward in audit.rewards
        },
    }


def write_audit(
    folder: str | Path, audit: Audit, settings: Mapping[str, Any]
) -> tuple[Path, Path]:
    """Write `audit.html` and `audit.json`.

    An old `audit.json` goes first, so that page and numbers are always of one audit.

    Args:
        folder: where to; made when absent.
        audit: of `audit_rewards`.
        settings: what was asked for.

    Returns:
        The paths of the page and of the numbers.
    """
    page, numbers = Path(folder) / "audit.html", Path(folder) / "audit.json"
    numbers.unlink(missing_ok=True)
    write_text(page, audit_page(audit, settings))
    plain = {name: _plain(value) for name, value in settings.items()}
    versions = {"nutgraf": __version__}
    write_json(
        numbers, {**audit_numbers(audit), "settings": plain, "versions": versions}
    )
    return page, numbers


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
