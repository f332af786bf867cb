"""The page: one HTML text with its style and pictures in it, without any script.

Every text goes through `escape`. A content policy in the page forbids scripts and
anything from outside, should a text get past it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import NamedTuple

from nutgraf.report.curves import draw_curves, finite_series
from nutgraf.report.heat import HUE, MOST_COLUMNS, MOST_ROWS, draw_attention
from nutgraf.report.parts import Attention, Curves, Fact, Report, Sample
from nutgraf.report.svg import SERIES, clean
from nutgraf.report.tables import escape, number, settings_html, table_html

__all__ = ["Detail", "render"]

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_SHORT_DOCUMENT = 420
_HOW_TO_READ = (
    "Pale lines are the numbers as measured, strong ones their running average. The "
    "number beside a name is the newest one. A few outliers may lie outside a picture."
)


class Detail(NamedTuple):
    """How much a page shows.

    Attributes:
        points: of each line of a picture.
        curves: whether pictures of numbers are drawn.
        attention: whether heat maps are drawn.
        notice: what was left out, told at the top.
    """

    points: int = 400
    curves: bool = True
    attention: bool = True
    notice: str = ""


def _join(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""


def _facts(facts: Sequence[Fact]) -> str:
    if not facts:
        return ""
    cells = (
        f"<div><dt>{escape(fact.name)}</dt>"
        f'<dd class="value">{escape(fact.value)}</dd>'
        + (f'<dd class="more">{escape(fact.note)}</dd>' if fact.note else "")
        + "</div>"
        for fact in facts
    )
    return f'<dl class="facts">{"".join(cells)}</dl>'


def _last(values: Sequence[float]) -> str:
    finite = [value for value in values if math.isfinite(value)]
    return number(finite[-1]) if finite else "–"


def _keys(curves: Curves) -> str:
    """The legend, with the last number of each line."""
    items = (
        f'<li class="s{index % len(SERIES) + 1}">{escape(series.name)} '
        f"<b>{_last(series.y)}</b></li>"
        for index, series in enumerate(finite_series(curves))
    )
    return f'<ul class="keys">{"".join(items)}</ul>'


def _curves(curves: Curves, index: int, points: int) -> str:
    marks = [f"Dotted: {mark.label}, at {number(mark.x)}." for mark in curves.marks]
    note = " ".join([curves.note, *marks]).strip()
    caption = f"<figcaption>{_note(note)}</figcaption>" if note else ""
    return (
        f'<figure class="card"><h3>{escape(curves.title)}</h3>{_keys(curves)}'
        f"{draw_curves(curves, f'c{index}-', points)}"
        f"{caption}</figure>"
    )


def _text(name: str, text: str, kind: str, color: int = 1) -> str:
    shown = escape(text) if text.strip() else '<span class="empty">(empty)</span>'
    return (
        f'<div class="text {kind}" style="border-left-color:var(--series-{color})">'
        f'<h4>{escape(name)}</h4><p dir="auto">{shown}</p></div>'
        if kind != "reference"
        else f'<div class="text reference"><h4>{escape(name)}</h4>'
        f'<p dir="auto">{shown}</p></div>'
    )


def _document(text: str) -> str:
    body = f'<p dir="auto">{escape(text)}</p>'
    if len(text) <= _SHORT_DOCUMENT:
        return f'<div class="document">{body}</div>'
    start = " ".join(clean(text)[:140].split())
    return (
        f'<details class="document"><summary>Document of {len(text):,} characters: '
        f"{escape(start)} …</summary>{body}</details>"
    )


def _sample(sample: Sample, index: int) -> str:
    texts = [
        _text(name, text, "system", position % len(SERIES) + 1)
        for position, (name, text) in enumerate(sample.texts.items())
    ]
    if sample.reference:
        texts.append(_text("reference", sample.reference, "reference"))
    title = sample.title or f"Example {index + 1}"
    return (
        f'<article class="card"><h3>{escape(title)}</h3>{_document(sample.document)}'
        f'<div class="texts">{"".join(texts)}</div></article>'
    )


def _attention(attention: Attention, index: int) -> str:
    color = ",".join(map(str, HUE))
    stops = ",".join(
        f"rgba({color},{math.sqrt(share):.2f}) {share:.0%}"
        for share in (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1)
    )
    scale = f'<span class="scale" style="background:linear-gradient(90deg,{stops})">'
    rows, columns = len(attention.text_tokens), len(attention.source_tokens)
    cut = ""
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        cut = f" Of {rows} × {columns} word pieces the first ones are shown."
    copied = ""
    if attention.copy_share is not None:
        copied = " The bars show the share of a word piece that was copied."
    return (
        f'<figure class="card heat"><h3>{escape(attention.title)}</h3>'
        f'<div class="scroll">{draw_attention(attention, f"a{index}-")}</div>'
        f'<figcaption><p class="note">Rows: word pieces of the text, in order. '
        f"Columns: word pieces of the source. Weight 0 {scale}</span> 1."
        f"{copied}{cut}</p></figcaption></figure>"
    )


def _sections(report: Report, detail: Detail) -> dict[str, str]:
    """Heading -> content; empty parts are left out."""
    tables = [table_html(table) for table in report.tables if table.rows]
    curves = [curve for curve in report.curves if finite_series(curve)]
    maps = [a for a in report.attention if len(a.text_tokens) and len(a.source_tokens)]
    pictures = [
        _curves(curve, index, detail.points)
        for index, curve in enumerate(curves)
        if detail.curves
    ]
    heats = [_attention(a, index) for index, a in enumerate(maps) if detail.attention]
    samples = [_sample(sample, index) for index, sample in enumerate(report.samples)]
    found = {
        "Scores": ("stack", tables),
        "Curves": ("cards", pictures),
        "Examples": ("stack", samples),
        "Attention": ("stack", heats),
    }
    sections = {
        name: f'<div class="{kind}">{_join(parts)}</div>'
        for name, (kind, parts) in found.items()
        if parts
    }
    if pictures:
        sections["Curves"] = _note(_HOW_TO_READ) + sections["Curves"]
    if report.settings:
        sections["Settings"] = settings_html(report.settings)
    return sections


def _style() -> str:
    folder = resources.files("nutgraf.report")
    return folder.joinpath("style.css").read_text(encoding="utf-8")


def _navigation(names: Iterable[str]) -> str:
    links = [f'<a href="#{name.lower()}">{name}</a>' for name in names]
    return f"<nav>{''.join(links)}</nav>" if len(links) > 1 else ""


def render(report: Report, detail: Detail = Detail()) -> str:  # noqa: B008 - a tuple
    """Write a report as HTML.

    Args:
        report: what to show.
        detail: how much of it.

    Returns:
        A whole HTML5 page that refers to nothing outside itself.

    Example:
        >>> page = render(Report("A <b> run"))
        >>> "<title>A &lt;b&gt; run</title>" in page
        True
    """
    from nutgraf import __version__

    sections = _sections(report, detail)
    body = _join(
        f'<section id="{name.lower()}"><h2>{name}</h2>\n{content}</section>'
        for name, content in sections.items()
    )
    summary = _join(f'<p class="lead">{escape(line)}</p>' for line in report.summary)
    notice = f'<p class="warning">{escape(detail.notice)}</p>' if detail.notice else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(report.title)}</title>
<link rel="icon" href="data:,">
<style>
{_style()}</style>
</head>
<body>
<header class="mast">
<p class="name"><b>nutgraf report</b> <span>{escape(report.kind)}</span></p>
<h1>{escape(report.title)}</h1>
{_join([summary, notice, _facts(report.facts), _navigation(sections)])}
</header>
<main>
{body}
</main>
<footer>Written by nutgraf {__version__}. The file needs nothing beside it.</footer>
</body>
</html>
"""
