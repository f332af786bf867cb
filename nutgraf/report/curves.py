"""Pictures of numbers along a training: the raw line pale, a smoothed one over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.report.parts import Curves, Mark, Series
from nutgraf.report.svg import COLORS, SERIES, clean, inline_svg, style
from nutgraf.report.tables import escape

__all__ = ["PALETTE", "draw_curves", "finite_series", "smoothed", "thinned"]

PALETTE = {
    "ink": "#1d1f23",
    "muted": "#62666d",
    "grid": "#e4e1d8",
    "series-1": "#0072b2",
    "series-2": "#d55e00",
    "series-3": "#00805d",
    "series-4": "#b8568c",
    "series-5": "#8a6d00",
    "series-6": "#5b5bd6",
}
"""The colours on paper, after Okabe and Ito: told apart also by the colour-blind."""

_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), "-.", (0, (7, 2)), (0, (3, 1)))
_LARGEST_SVG = 90_000
_FEW = 30
_CALM = 0.01  # share of the spread that is noise; below, smoothing only blurs


def thinned(values: np.ndarray, points: int) -> np.ndarray:
    """Shorten an array to means of neighbours.

    Args:
        values: (n,) floats; NaN counts as absent.
        points: at most so many are returned.

    Returns:
        (m,) floats with m <= points; the array itself when it is short enough.

    Example:
        >>> thinned(np.array([1.0, 3.0, 5.0, np.nan]), 2).tolist()
        [2.0, 5.0]
    """
    if len(values) <= points:
        return values
    size = -(-len(values) // points)
    padded = np.pad(values, (0, -len(values) % size), constant_values=np.nan)
    groups = padded.reshape(-1, size)
    known = np.isfinite(groups)
    totals = np.where(known, groups, 0.0).sum(axis=1)
    counts = known.sum(axis=1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def smoothed(values: np.ndarray) -> np.ndarray:
    """Average over neighbours with a bell curve, a fortieth of the array wide.

    Args:
        values: (n,) floats; NaN counts as absent.

    Returns:
        (n,) floats, NaN only where a whole neighbourhood is.

    Example:
        >>> smoothed(np.full(100, 2.0))[[0, 50]].round(6).tolist()
        [2.0, 2.0]
    """
    width = max(1.0, len(values) / 40)
    reach = min(int(3 * width), (len(values) - 1) // 2)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    known = np.isfinite(values)
    total = np.convolve(np.where(known, values, 0.0), kernel, "same")
    weight = np.convolve(known.astype(float), kernel, "same")
    return np.where(weight > 1e-9, total / np.maximum(weight, 1e-9), np.nan)


def _is_calm(y: np.ndarray) -> bool:
    """Whether a line is smooth by itself, such as a learning rate."""
    bends = np.diff(y, 2)
    bends = bends[np.isfinite(bends)]
    low, high = np.nanquantile(y, [0.05, 0.95])
    return not len(bends) or bool(np.median(np.abs(bends)) <= _CALM * (high - low))


def _array(values: Sequence[float]) -> np.ndarray:
    """What cannot be drawn becomes NaN: axes overflow near the largest floats."""
    array = np.asarray(values, dtype=float)
    return np.where(np.abs(array) < 1e100, array, np.nan)


def finite_series(curves: Curves) -> list[Series]:
    """Return the series that have a point to draw.

    Args:
        curves: the picture.

    Returns:
        Those with at least one point where x and y are finite.
    """
    return [
        series
        for series in curves.series
        if np.isfinite(_array(series.x) + _array(series.y)).any()
    ]


def _draw_series(
    axes: Any, series: Series, color: str, dash: Any, points: int
) -> list[np.ndarray]:
    """Draw one line; return the values that the axis should show."""
    x, y = thinned(_array(series.x), points), thinned(_array(series.y), points)
    shown = [y]
    if series.low is not None and series.high is not None:
        low, high = _array(series.low), _array(series.high)
        band = thinned(low, points), thinned(high, points)
        axes.fill_between(x, *band, color=color, alpha=0.16, linewidth=0)
        shown += band
    if len(y) <= _FEW:
        axes.plot(x, y, color=color, linestyle=dash, linewidth=1.8)
        axes.plot(x, y, "o", color=color, markersize=3.2)
        return shown
    if _is_calm(y):
        axes.plot(x, y, color=color, linestyle=dash, linewidth=1.9)
        return shown
    inside = np.clip(y, *np.nanquantile(y, [0.01, 0.99]))
    axes.plot(x, y, color=color, linewidth=0.8, alpha=0.45)
    axes.plot(x, smoothed(inside), color=color, linestyle=dash, linewidth=1.9)
    return [inside, *shown[1:]]


def _tick(value: float, _: int) -> str:
    if value == int(value) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.6g}"


def _limits(axes: Any, shown: Sequence[np.ndarray]) -> None:
    """Show all but a few outliers of long lines."""
    values = np.concatenate(shown)
    low, high = np.nanmin(values), np.nanmax(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    axes.set_ylim(low - room, high + room)
    left, right = axes.dataLim.intervalx
    if left == right:  # one point
        axes.set_xlim(left - 1, right + 1)


def _draw_mark(axes: Any, mark: Mark, color: str) -> None:
    """Draw a vertical line with its label on top, to the side with more room."""
    left, right = axes.get_xlim()
    if not left <= mark.x <= right:  # the lines do not reach that far
        return
    axes.axvline(mark.x, color=color, linewidth=1, linestyle=(0, (1, 1.5)))
    late = mark.x > (left + right) / 2
    axes.annotate(
        clean(mark.label),
        (mark.x, 1.0),
        (3 if late else -3, 0.5),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=color,
        fontsize=7,
        ha="right" if late else "left",
        va="bottom",
    )


def _figure(curves: Curves, colors: dict[str, str], points: int) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = Figure(figsize=(4.6, 2.5))
    axes = figure.add_axes((0.115, 0.17, 0.87, 0.69))
    shown = []
    for number, series in enumerate(finite_series(curves)):
        color, dash = SERIES[number % len(SERIES)], _DASHES[number % len(_DASHES)]
        shown += _draw_series(axes, series, colors[color], dash, points)
    _limits(axes, shown)
    for mark in curves.marks:
        _draw_mark(axes, mark, colors["ink"])
    axes.set_title(
        clean(curves.y_label),
        {"fontsize": 8.5, "color": colors["muted"]},
        loc="left",
        x=-0.125,
        pad=11,
    )
    axes.set_xlabel(clean(curves.x_label), color=colors["muted"], loc="right")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_tick))
    axes.grid(axis="y", color=colors["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=colors["muted"], pad=5)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colors["muted"])
    return figure


def _png(curves: Curves, points: int) -> str:
    file = io.BytesIO()
    figure = _figure(curves, PALETTE, points)
    figure.savefig(file, format="png", dpi=150, facecolor="white", metadata={})
    return base64.b64encode(file.getvalue()).decode("ascii")


def draw_curves(curves: Curves, prefix: str, points: int = 400) -> str:
    """Draw a picture as HTML: SVG, or PNG where that is much smaller.

    Args:
        curves: the picture; `finite_series` must not be empty.
        prefix: of the ids in it, another one for each picture of the page.
        points: longer lines are shortened to means of neighbours.

    Returns:
        An `<svg>` or an `<img>` element.
    """
    label = f"{curves.title}: {curves.y_label}"
    with style():
        svg = inline_svg(_figure(curves, COLORS, points), prefix, label)
        if len(svg) <= _LARGEST_SVG:
            return svg
        png = _png(curves, points)
    if len(svg) <= len(png):
        return svg
    source = f"data:image/png;base64,{png}"
    return f'<img class="plot" alt="{escape(label)}" src="{source}">'
