"""What a report is made of: plain values, not yet pictures or HTML.

`Report` holds parts in the order in which they are shown; an empty part is left out.
Texts are plain text everywhere: the page escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nutgraf.errors import ConfigError

__all__ = [
    "Attention",
    "Curves",
    "Estimate",
    "Fact",
    "Mark",
    "Report",
    "Sample",
    "Series",
    "Table",
]


class Fact(NamedTuple):
    """One number that a reader should see first.

    Attributes:
        name: what it is.
        value: the number, as text with its unit.
        note: a few words on it.
    """

    name: str
    value: str
    note: str = ""


class Estimate(NamedTuple):
    """A score with its 95 % interval; in a table cell it is drawn as a bar.

    Attributes:
        mean: the score.
        low: low end of the interval.
        high: high end of the interval.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """One line of a picture. What is not finite is a gap.

    Attributes:
        name: for the legend.
        x: (n,) numbers, rising.
        y: (n,) numbers.
        low: (n,) low end of a 95 % band, or None.
        high: (n,) high end of the band, or None.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Check the lengths."""
        sizes = [len(a) for a in (self.x, self.y, self.low, self.high) if a is not None]
        if len(set(sizes)) > 1 or (self.low is None) != (self.high is None):
            raise ConfigError(
                "x, y and, if there is a band, both low and high must have the same "
                f"length. Received: lengths {sizes} in the series {self.name!r}. Give "
                "one number of each per point."
            )


class Mark(NamedTuple):
    """A vertical line in a picture, where something happened.

    Attributes:
        x: where, in the unit of the axis.
        label: what happened, in a few words.
    """

    x: float
    label: str


@dataclass(frozen=True)
class Curves:
    """One picture with one or several lines over the same axis.

    Attributes:
        title: above the picture.
        y_label: what is drawn, with its unit.
        series: the lines, up to six.
        x_label: what the lines run along, with its unit.
        note: how to read it.
        marks: vertical lines.
    """

    title: str
    y_label: str
    series: Sequence[Series]
    x_label: str = "updates"
    note: str = ""
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Table:
    """A table; numbers are aligned, `Estimate` cells are drawn with their interval.

    Attributes:
        title: above the table.
        columns: names of the columns.
        rows: one sequence of cells per row: text, number, None or `Estimate`.
        note: below the table: signature, number of rows.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""

    def __post_init__(self) -> None:
        """Check the rows."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ConfigError(
                    f"Each row of a table must have one cell per column. Received: "
                    f"{len(row)} cells for {len(self.columns)} columns in the table "
                    f"{self.title!r}. Fill empty cells with None."
                )


@dataclass(frozen=True)
class Sample:
    """Texts of several systems for one document, side by side.

    Attributes:
        document: the source text.
        texts: name of a system -> its text.
        reference: what a person wrote; "" when there is none.
        title: above the texts; a running number when "".
    """

    document: str
    texts: Mapping[str, str]
    reference: str = ""
    title: str = ""


@dataclass(frozen=True)
class Attention:
    """Where a text looked in its source, word piece by word piece.

    Attributes:
        title: above the picture.
        source_tokens: S word pieces.
        text_tokens: T word pieces.
        weights: (T, S) in [0, 1]; each row is one step of the text.
        copy_share: (T,) in [0, 1], how far each word piece was copied, or None.
    """

    title: str
    source_tokens: Sequence[str]
    text_tokens: Sequence[str]
    weights: Any
    copy_share: Sequence[float] | None = None

    def __post_init__(self) -> None:
        """Check the shapes."""
        wanted = (len(self.text_tokens), len(self.source_tokens))
        found = np.shape(self.weights)
        if found != wanted:
            raise ConfigError(
                "weights must have one row per word piece of the text and one column "
                f"per word piece of the source, {wanted}. Received: {found}. "
                "Cut padding off, average the heads."
            )
        if self.copy_share is not None and np.shape(self.copy_share) != wanted[:1]:
            raise ConfigError(
                f"copy_share must have one number per word piece of the text, "
                f"{wanted[0]}. Received: shape {np.shape(self.copy_share)}. "
                "Give None when the model cannot copy."
            )


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        title: the headline.
        kind: a few words above it, such as "supervised training".
        facts: the numbers to see first.
        summary: sentences, one line each.
        tables: scores.
        curves: pictures of the training.
        samples: texts beside each other.
        attention: heat maps.
        settings: names and values, nested.
    """

    title: str
    kind: str = ""
    facts: Sequence[Fact] = ()
    summary: Sequence[str] = ()
    tables: Sequence[Table] = ()
    curves: Sequence[Curves] = ()
    samples: Sequence[Sample] = ()
    attention: Sequence[Attention] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
