"""The texts and the attention that a run leaves for its report, as files.

samples.json     texts of a few rows beside each other
attention.json   where the model looked while it wrote one of them
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.evaluation.texts import read_texts
from nutgraf.files import write_json
from nutgraf.report.parts import Attention, Sample

__all__ = ["ATTENTION", "SAMPLES", "SHOWN", "evaluated_samples", "read_attention"]
__all__ += ["read_json", "read_samples", "spread", "write_attention", "write_samples"]

SAMPLES, ATTENTION = "samples.json", "attention.json"

SHOWN = 5
"""Rows whose texts are shown."""


def spread(count: int, most: int = SHOWN) -> list[int]:
    """Choose numbers at equal distances: nothing is picked for its text.

    Args:
        count: how many there are.
        most: at most so many are chosen.

    Returns:
        Numbers from 0 to count - 1, rising.

    Example:
        >>> spread(11), spread(2)
        ([0, 2, 4, 6, 8], [0, 1])
    """
    chosen = min(count, most)
    return [number * count // chosen for number in range(chosen)]


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Args:
        path: the file.

    Returns:
        What it holds.
    """
    return json.loads(path.read_text(encoding="utf-8"))


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples.

    Args:
        path: the file.
        samples: what it is to hold.
    """
    write_json(path, [asdict(sample) for sample in samples])


def read_samples(path: Path) -> list[Sample]:
    """Read samples that `write_samples` has written.

    Args:
        path: the file.

    Returns:
        The samples, in order.
    """
    return [
        Sample(
            str(value["document"]),
            {str(name): str(text) for name, text in value["texts"].items()},
            str(value["reference"]),
            str(value["title"]),
        )
        for value in read_json(path)
    ]


def write_attention(path: Path, picture: Attention | None) -> None:
    """Write attention weights, to four digits.

    Args:
        path: the file.
        picture: what it is to hold; None takes an older file away.
    """
    if picture is None:
        path.unlink(missing_ok=True)
        return

    def plain(values: Any) -> Any:
        return np.nan_to_num(np.asarray(values, float)).round(4).tolist()

    share = None if picture.copy_share is None else plain(picture.copy_share)
    write_json(
        path,
        {
            "title": picture.title,
            "source_tokens": list(picture.source_tokens),
            "text_tokens": list(picture.text_tokens),
            "weights": plain(picture.weights),
            "copy_share": share,
        },
    )


def read_attention(path: Path) -> list[Attention]:
    """Read attention weights that `write_attention` has written.

    Args:
        path: the file.

    Returns:
        The picture.
    """
    value = read_json(path)
    return [
        Attention(
            str(value["title"]),
            [str(token) for token in value["source_tokens"]],
            [str(token) for token in value["text_tokens"]],
            np.asarray(value["weights"], float),
            value["copy_share"],
        )
    ]


def evaluated_samples(path: Path, name: str) -> list[Sample]:
    """Read a few of the texts that an evaluation has left.

    Args:
        path: its `texts.jsonl`.
        name: of what was evaluated.

    Returns:
        The samples, at equal distances.

    Raises:
        DataError: the file has another form.
    """
    rows, texts = read_texts(path)
    return [
        Sample(
            rows[number].document,
            {name: texts[number]},
            next(iter(rows[number].references), ""),
            rows[number].id,
        )
        for number in spread(len(rows))
    ]
