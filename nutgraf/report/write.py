"""A report as one file of at most two megabytes that opens anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nutgraf.files import write_text
from nutgraf.report.page import Detail, render
from nutgraf.report.parts import Fact, Report, Sample, Table

__all__ = ["LARGEST_BYTES", "write_report"]

LARGEST_BYTES = 2_000_000
"""Largest file that is written."""


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str) and len(value) > limit:
        return value[: limit - 1] + "…"
    return value


def _short_samples(report: Report, count: int, limit: int) -> Report:
    samples = [
        Sample(
            _cut(sample.document, limit),
            {name: _cut(text, limit) for name, text in list(sample.texts.items())[:8]},
            _cut(sample.reference, limit),
            _cut(sample.title, 200),
        )
        for sample in report.samples[:count]
    ]
    return replace(report, samples=samples)


def _short_everything(report: Report) -> Report:
    """What always fits: long texts cut, long lists cut, no settings."""
    tables = [
        Table(
            _cut(table.title, 200),
            [_cut(name, 100) for name in table.columns[:20]],
            [[_cut(cell, 200) for cell in row[:20]] for row in table.rows[:40]],
            _cut(table.note, 1000),
        )
        for table in report.tables[:8]
    ]
    return replace(
        _short_samples(report, 10, 1000),
        title=_cut(report.title, 200),
        kind=_cut(report.kind, 100),
        summary=[_cut(line, 1000) for line in report.summary[:20]],
        facts=[Fact(*(_cut(text, 100) for text in fact)) for fact in report.facts[:20]],
        tables=tables,
        settings={},
    )


def _versions(report: Report) -> Iterator[tuple[Report, Detail]]:
    """The report, then smaller and smaller ones."""
    yield report, Detail()
    start = "To stay below 2 MB, this report "
    notice = f"{start}draws its lines with fewer points."
    yield report, Detail(points=120, notice=notice)
    short = _short_samples(report, 30, 4000)
    notice = f"{start}shows at most 30 examples, long ones cut."
    yield short, Detail(points=120, notice=notice)
    notice = f"{start}shows no attention and at most 30 examples, long ones cut."
    yield short, Detail(points=120, attention=False, notice=notice)
    notice = f"{start}shows no pictures and at most 30 examples, long ones cut."
    yield short, Detail(curves=False, attention=False, notice=notice)
    notice = f"{start}shows no pictures and no settings; long texts and lists are cut."
    yield (
        _short_everything(report),
        Detail(curves=False, attention=False, notice=notice),
    )


def write_report(path: str | Path, report: Report) -> Path:
    """Write a report as one HTML file that needs no other file and no network.

    A report above `LARGEST_BYTES` is written with less in it, and says so.

    Args:
        path: where to; its folder is made when absent, an older file is replaced in
            one piece.
        report: what to show.

    Returns:
        The path.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> write_report(Path(folder) / "report.html", Report("A run")).name
        'report.html'
    """
    page = ""
    for shown, detail in _versions(report):
        page = render(shown, detail)
        if len(page.encode("utf-8")) <= LARGEST_BYTES:
            break
    path = Path(path)
    write_text(path, page)
    return path
