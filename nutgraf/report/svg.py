"""A Matplotlib figure as SVG that can stand inside a page, many of them side by side.

Figures are drawn in marker colours; here these become CSS variables, so that a picture
follows the page into dark mode. Text stays text, in the font of the page.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

__all__ = ["COLORS", "SERIES", "clean", "inline_svg", "style"]

SERIES = tuple(f"series-{number}" for number in range(1, 7))
"""Names of the colours of lines, in order."""

COLORS = {
    name: f"#0a0b{number:02x}"
    for number, name in enumerate(("ink", "muted", "grid", *SERIES), 1)
}
"""Marker colour of each CSS variable."""

_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def clean(text: str) -> str:
    """Replace the characters that neither HTML nor XML can hold.

    Args:
        text: any text.

    Returns:
        The text with U+FFFD in their place.

    Example:
        >>> clean("a" + chr(0))
        'a\ufffd'
    """
    return _NOT_TEXT.sub("\ufffd", text)


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Set what all figures share: plain text, no formulas, the same ids each time.

    Yields:
        Nothing.
    """
    import matplotlib

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "nutgraf",
        "text.parse_math": False,
        "font.size": 8.5,
        "font.family": ["DejaVu Sans"],
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The page has the glyphs that Matplotlib's font lacks, Chinese ones say.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _variables(value: str) -> str:
    for name, color in COLORS.items():
        value = value.replace(color, f"var(--{name})")
    return value


def _short(match: re.Match[str]) -> str:
    return f"{float(match[0]):.2f}"


def _attributes(element: ElementTree.Element, prefix: str) -> dict[str, str]:
    """The attributes without namespaces, unneeded ids and needless digits."""
    found = {}
    for name, value in element.attrib.items():
        name = _local(name)
        if name == "id" and element.tag not in ("clipPath", "path", "image"):
            continue
        if name == "id":
            value = prefix + value
        elif name == "href" and value.startswith("#"):
            value = "#" + prefix + value[1:]
        elif name == "d" or (name in ("x", "y") and element.tag != "image"):
            value = _LONG_NUMBER.sub(_short, value)
        value = value.replace("url(#", f"url(#{prefix}")
        found[name] = _variables(value) if name in ("style", "fill") else value
    return found


def inline_svg(figure: Any, prefix: str, label: str) -> str:
    """Draw a figure as an `<svg>` element for a page.

    Args:
        figure: a Matplotlib figure, drawn inside `style()` in `COLORS`.
        prefix: of the ids, another one for each picture of the page.
        label: what the picture shows, for those who cannot see it.

    Returns:
        Well-formed XML without namespace, declaration, metadata, script or reference
        to anything outside.
    """
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(file.getvalue())
    for parent in root.iter():
        for child in list(parent):
            if _local(str(child.tag)) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = _attributes(element, prefix)
    box = root.attrib["viewBox"]
    points = float(box.split()[2])
    root.attrib = {
        "class": "plot",
        "viewBox": box,
        "style": f"--width:{points:.0f}pt",
        "role": "img",
        "aria-label": clean(label),
    }
    return ElementTree.tostring(root, encoding="unicode")
