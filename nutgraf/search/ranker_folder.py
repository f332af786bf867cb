"""Model folders of rankers, and candidates scored a few queries at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.errors import ModelError
from nutgraf.files import atomic_folder, write_json
from nutgraf.models.checkpoint import weight_names
from nutgraf.search.searcher import Candidates

__all__ = ["CONFIG", "WEIGHTS", "rank_in_chunks", "read_kind", "save_ranker"]

Array = Any
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_ranker(
    folder: Path,
    kind: str,
    settings: dict[str, Any],
    variables: list[Any],
    values: list[np.ndarray],
    also: Callable[[Path], None] = lambda part: None,
) -> None:
    """Write the folder of a ranker in one piece.

    Args:
        folder: where to; an older one is replaced.
        kind: what it is, for `read_kind`.
        settings: plain values by which the ranker is made again.
        variables: its Keras variables.
        values: the weights, in their order.
        also: called with the folder before it gets its name, to write more into it.
    """
    from safetensors.numpy import save_file

    named = {
        name: np.array(value, np.float32, order="C")
        for name, value in zip(weight_names(variables), values, strict=True)
    }
    with atomic_folder(Path(folder)) as part:
        save_file(named, str(part / WEIGHTS))
        (part / WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner only
        write_json(part / CONFIG, {"kind": kind, "settings": settings})
        also(part)


def read_kind(folder: str | Path) -> tuple[str, dict[str, Any]]:
    """Read what the folder of a model holds.

    Args:
        folder: a model folder of any kind.

    Returns:
        Its kind, and the settings of a ranker; ("", {}) for a folder of another kind.

    Raises:
        ModelError: it is no model folder.
    """
    path = Path(folder) / CONFIG
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if str(found.get("kind", "")).startswith("search-"):
            return found["kind"], dict(found["settings"])
        return "", {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"A ranker is a folder that `nutgraf train-search` wrote, such as `best`. "
            f"Received: {folder}: {error!r}. Check the path."
        ) from error


def rank_in_chunks(
    ranker: Any,
    scores: Callable[..., Array],
    values: list[Array],
    rows: Sequence[Candidates],
    chunk: int,
) -> list[np.ndarray]:
    """Score candidates a few queries at a time, all in arrays of few shapes.

    Args:
        ranker: makes the arrays.
        scores: compiled, weights and arrays -> (P, C).
        values: the weights.
        rows: candidates of each query.
        chunk: queries at a time.

    Returns:
        (n,) float32 scores of each query's candidates.
    """
    full = [row for row in rows if len(row.numbers)]
    if not full:
        return [np.zeros(0, np.float32) for _ in rows]
    width = -(-max(len(row.numbers) for row in full) // 8) * 8
    found: list[np.ndarray] = []
    for start in range(0, len(full), chunk):
        some = list(full[start : start + chunk])
        some += [some[-1]] * (min(chunk, len(full)) - len(some))  # one shape
        found += list(to_numpy(scores(values, ranker.arrays(some, width))))
    ranked = iter(found)
    return [
        next(ranked)[: len(row.numbers)] if len(row.numbers) else np.zeros(0, "float32")
        for row in rows
    ]
