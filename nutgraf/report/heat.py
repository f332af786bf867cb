"""The attention picture: a row per word piece of the text, a column per source piece.

The colour is one hue whose opacity is the square root of the weight, so that it reads
on light and on dark paper and small weights can be seen.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from nutgraf.report.parts import Attention
from nutgraf.report.svg import COLORS, clean, inline_svg, style

__all__ = ["HUE", "MOST_COLUMNS", "MOST_ROWS", "draw_attention", "token_label"]

HUE = (0x2B, 0x8C, 0xE0)
"""Red, green and blue of the heat."""

MOST_COLUMNS, MOST_ROWS = 160, 80
"""More word pieces than these are not drawn."""

_CELL, _LETTER, _LONGEST = 0.19, 0.076, 14  # inches, inches, characters
_SHARE_WIDTH, _GAP = 0.62, 0.12


def _columns(text: str) -> int:
    """Width in letters; Chinese characters count twice."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def token_label(token: str) -> str:
    """Return what stands beside the row or column of a word piece.

    Args:
        token: the word piece.

    Returns:
        One short line.

    Example:
        >>> token_label(" cat"), token_label("anti-establishment")
        ('cat', 'anti-establis…')
    """
    text = clean(token).replace("\n", "⏎").replace("\t", "⇥").strip() or "␣"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _image(weights: np.ndarray) -> np.ndarray:
    """(T, S, 4) bytes."""
    heat = np.sqrt(np.clip(np.nan_to_num(weights), 0.0, 1.0))
    image = np.empty((*heat.shape, 4), np.uint8)
    image[..., :3] = HUE
    image[..., 3] = np.rint(255 * heat)
    return image


def _bare(axes: Any) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelcolor=COLORS["ink"], labelsize=8, pad=3)


def _heat(axes: Any, weights: np.ndarray, rows: list[str], columns: list[str]) -> None:
    axes.imshow(_image(weights), interpolation="none", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90)
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.tick_top()
    _bare(axes)
    # Hairlines between the cells, so that the eye keeps its row.
    axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(weights)), minor=True)
    axes.grid(which="minor", color=COLORS["grid"], linewidth=0.5)
    axes.tick_params(which="minor", length=0)


def _shares(axes: Any, shares: np.ndarray, rows: list[str]) -> None:
    axes.barh(np.arange(len(shares)), shares, 0.6, color=COLORS["series-2"])
    axes.set_xlim(0, 1)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks([0.0, 1.0], ["0", "1"])
    axes.xaxis.tick_top()
    axes.set_title("copied", fontsize=8, color=COLORS["ink"], pad=6)
    _bare(axes)
    axes.axvline(0, color=COLORS["grid"], linewidth=1)
    axes.axvline(1, color=COLORS["grid"], linewidth=0.5)


def draw_attention(attention: Attention, prefix: str) -> str:
    """Draw attention weights as an `<svg>` element.

    Args:
        attention: weights and word pieces, at least one of each; what is beyond
            `MOST_ROWS` and `MOST_COLUMNS` is not drawn.
        prefix: of the ids in it, another one for each picture of the page.

    Returns:
        The element; it is wider the more word pieces there are.
    """
    from matplotlib.figure import Figure

    weights = np.asarray(attention.weights, float)[:MOST_ROWS, :MOST_COLUMNS]
    rows = [token_label(token) for token in attention.text_tokens[:MOST_ROWS]]
    columns = [token_label(token) for token in attention.source_tokens[:MOST_COLUMNS]]
    left = _LETTER * max(3, *map(_columns, rows)) + 0.15
    top = _LETTER * max(3, *map(_columns, columns)) + 0.2
    shares = attention.copy_share
    side = 0.0 if shares is None else _SHARE_WIDTH + _GAP
    wide, tall = _CELL * len(columns), _CELL * len(rows)
    width, height = left + side + wide + 0.06, top + tall + 0.06

    def box(start: float, length: float) -> tuple[float, float, float, float]:
        return start / width, 0.06 / height, length / width, tall / height

    with style():
        figure = Figure(figsize=(width, height))
        heat = figure.add_axes(box(left + side, wide))
        _heat(heat, weights, rows if shares is None else [], columns)
        if shares is not None:
            share = np.nan_to_num(np.asarray(shares, float))[:MOST_ROWS]
            _shares(figure.add_axes(box(left, _SHARE_WIDTH)), share, rows)
        return inline_svg(figure, prefix, attention.title)
