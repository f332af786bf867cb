"""Tables as HTML: numbers aligned, intervals drawn as bars, settings by section."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nutgraf.report.parts import Estimate, Table
from nutgraf.report.svg import clean

__all__ = ["escape", "number", "settings_html", "table_html"]


_MANY_COLUMNS = 5


def escape(text: Any) -> str:
    """Write a text so that a browser shows it as it is.

    Args:
        text: text, or what `str` makes one of.

    Returns:
        HTML for an element's content or an attribute in double quotes.

    Example:
        >>> escape('<script>"')
        '&lt;script&gt;&quot;'
    """
    return html.escape(clean(str(text)), quote=True)


def number(value: float) -> str:
    """Write a number with as many digits as a reader needs.

    Args:
        value: any number.

    Returns:
        Four significant digits, thousands set apart; "–" when it is not finite.

    Example:
        >>> number(12345), number(0.123456), number(1234.5), number(float("nan"))
        ('12,345', '0.1235', '1,234', '–')
    """
    if not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _span(rows: Sequence[Sequence[Any]], column: int) -> tuple[float, float]:
    """The ends of the bars of a column, with some room."""
    values = [
        value
        for row in rows
        if isinstance(row[column], Estimate)
        for value in row[column]
        if math.isfinite(value)
    ]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 1.0
    return low - room, high + room


def _estimate(cell: Estimate, low: float, high: float) -> str:
    if not math.isfinite(cell.mean):
        return '<td class="range">–</td>'
    ends = [v if math.isfinite(v) else cell.mean for v in (cell.low, cell.high)]
    known = math.isfinite(cell.low) and math.isfinite(cell.high)
    interval = f"<small>{ends[0]:.2f} to {ends[1]:.2f}</small>" if known else ""
    places = zip(("low", "mean", "high"), (ends[0], cell.mean, ends[1]), strict=True)
    style = ";".join(
        f"--{name}:{100 * (value - low) / (high - low):.1f}%" for name, value in places
    )
    bar = f'<span class="bar" style="{style}"><i></i><u></u></span>'
    return f'<td class="range">{cell.mean:.2f}{interval}{bar}</td>'


def _cell(cell: Any, span: tuple[float, float], is_head: bool, align: str) -> str:
    if isinstance(cell, Estimate):
        return _estimate(cell, *span)
    if cell is None:
        return "<td></td>"
    if _is_number(cell):
        return f"<td{align}>{number(cell)}</td>"
    if is_head:
        return f'<th scope="row" dir="auto">{escape(cell)}</th>'
    return f'<td dir="auto">{escape(cell)}</td>'


def table_html(table: Table) -> str:
    """Write a table as HTML.

    Args:
        table: the table.

    Returns:
        A card with the title, the table and its note. The bars of a column share one
        scale.
    """
    spans = [_span(table.rows, column) for column in range(len(table.columns))]
    aligns = [_align(table.rows, column) for column in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col"{align}>{escape(name)}</th>'
        for name, align in zip(table.columns, aligns, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            _cell(cell, spans[column], column == 0, aligns[column])
            for column, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    kind = "dense" if len(table.columns) > _MANY_COLUMNS else "wide"
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="card"><h3>{escape(table.title)}</h3><div class="scroll">'
        f'<table class="{kind}">'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>{note}"
        "</div>"
    )


def _align(rows: Sequence[Sequence[Any]], column: int) -> str:
    """Columns of numbers only stand right."""
    cells = [row[column] for row in rows if row[column] is not None]
    return ' class="number"' if cells and all(map(_is_number, cells)) else ""


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    return '""' if value == "" else str(value)


def _groups(
    settings: Mapping[str, Any], name: str = ""
) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Each section with its own settings, before the sections in it."""
    own = [(key, v) for key, v in settings.items() if not isinstance(v, Mapping)]
    if own:
        yield name or "general", own
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _groups(value, f"{name}.{key}" if name else str(key))


def settings_html(settings: Mapping[str, Any]) -> str:
    """Write nested settings as small tables, one per section.

    Args:
        settings: names and values; a mapping is a section.

    Returns:
        A card that can be unfolded.
    """
    groups = "\n".join(
        f'<div class="group"><h3>{escape(name)}</h3><table><tbody>'
        + "".join(
            f'<tr><th scope="row">{escape(key)}</th>'
            f"<td>{escape(_value(value))}</td></tr>"
            for key, value in pairs
        )
        + "</tbody></table></div>"
        for name, pairs in _groups(settings)
    )
    return (
        '<details class="card"><summary>All settings of the run</summary>'
        f'<div class="settings">{groups}</div></details>'
    )
