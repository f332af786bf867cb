"""Texts that systems have written: read again, matched with their rows, compared."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from nutgraf.data.records import open_binary, read_json_lines
from nutgraf.data.rows import Row
from nutgraf.errors import DataError
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.tasks.names import TASKS
from nutgraf.tasks.summarize import SUMMARIZE
from nutgraf.tasks.task import Task
from nutgraf.text.words import WordKind, word_kind

__all__ = ["EVALUATION", "TEXTS", "Texts", "in_order", "read_predictions"]
__all__ += ["read_texts", "same_rows", "task_in", "words_of"]

EVALUATION = "evaluation.json"
"""Name of the file with the scores in the folder of an evaluation."""
TEXTS = "texts.jsonl"
"""Name of the file with the texts in the folder of an evaluation."""
_EVALUATED = f"Give the folder that `nutgraf evaluate --out` wrote, or its {TEXTS}."


class Texts(NamedTuple):
    """Texts of a system and the rows they are for."""

    rows: list[Row]
    texts: list[str]


def _check(record: dict[str, Any] | str, fields: Mapping[str, type]) -> str:
    """The reason why a record has another form; "" for none."""
    if isinstance(record, str):
        return record
    for name, kind in fields.items():
        if name not in record:
            return f"the field `{name}` is missing"
        if not isinstance(record[name], kind):
            return f"`{name}` is not of the type {kind.__name__}"
    return ""


def _records(
    path: Path, fields: Mapping[str, type], advice: str
) -> Iterator[dict[str, Any]]:
    """Objects of a jsonl file, gzipped or not, that have these fields."""
    try:
        with open_binary(path) as stream:
            for number, record in read_json_lines(stream):
                if reason := _check(record, fields):
                    raise DataError(
                        f"Each line must be a JSON object with {', '.join(fields)}. "
                        f"Received: {path}:{number}: {reason}. {advice}"
                    )
                yield cast(dict[str, Any], record)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"Texts are read from a jsonl file. Received: {path}: "
            f"{getattr(error, 'strerror', None) or error}. {advice}"
        ) from error


def read_texts(path: str | Path) -> Texts:
    """Read the texts that an evaluation has left.

    Args:
        path: its folder, or a file in the form of its `texts.jsonl`: the fields `id`,
            `document`, `text` and `references`.

    Returns:
        Rows and texts, in the order of the file.

    Raises:
        DataError: the file is absent, empty, or a line has another form.
    """
    path = Path(path)
    file = path / TEXTS if path.is_dir() else path
    fields = {"id": str, "document": str, "text": str, "references": list}
    found = list(_records(file, fields, _EVALUATED))
    if not found:
        raise DataError(
            f"There must be at least one text. Received: {file}, which is empty. "
            f"{_EVALUATED}"
        )
    rows = [
        Row(one["id"], one["document"], tuple(map(str, one["references"])), str(file))
        for one in found
    ]
    return Texts(rows, [one["text"] for one in found])


def _mismatch(path: str, received: str) -> DataError:
    return DataError(
        "There must be one prediction for each row of the split, matched by `id`, or "
        f"by order when no line has an `id`. Received: {path} with {received}. Check "
        "--split and the settings of the data, or predict again."
    )


def read_predictions(path: str | Path) -> list[dict[str, Any]]:
    """Read texts that some system has written.

    Args:
        path: jsonl file with the field `text`, which may be empty, and perhaps `id`.

    Returns:
        The objects of the file, in order.

    Raises:
        DataError: the file cannot be read, or a line has another form.
    """
    return list(_records(Path(path), {"text": str}, "Check its path and its lines."))


def in_order(
    predictions: Sequence[dict[str, Any]], rows: Sequence[Row], path: str
) -> list[str]:
    """Put predictions in the order of the rows: by `id`, or as they are without it.

    Args:
        predictions: of `read_predictions`.
        rows: the rows they are for.
        path: where they came from, for messages.

    Returns:
        One text per row.

    Raises:
        DataError: predictions and rows do not match.

    Example:
        >>> found = [{"id": 2, "text": "b"}, {"id": 1, "text": "a"}]
        >>> in_order(found, [Row("1", ""), Row("2", "")], "texts.jsonl")
        ['a', 'b']
    """
    if len(predictions) != len(rows):
        raise _mismatch(path, f"{len(predictions)} lines for {len(rows)} rows")
    if not any("id" in one for one in predictions):
        return [one["text"] for one in predictions]
    named: dict[str, str] = {}
    for number, one in enumerate(predictions, 1):
        name = str(one.get("id"))
        if "id" not in one or name in named:
            state = "a second time" if "id" in one else "missing"
            raise _mismatch(path, f"the id of text {number} ({name}) {state}")
        named[name] = one["text"]
    absent = [row.id for row in rows if row.id not in named]
    if absent:
        raise _mismatch(path, f"no text for {len(absent)} rows, first {absent[0]!r}")
    return [named[row.id] for row in rows]


def words_of(rows: Sequence[Row]) -> WordKind:
    """Choose how words are counted from the references.

    Args:
        rows: the rows to be scored.

    Returns:
        "cjk" for Chinese, Japanese and Korean references, else "english".
    """
    return word_kind([text for row in rows for text in row.references])


def task_in(path: str | Path) -> Task:
    """Return the task of the texts that an evaluation has left.

    Args:
        path: its folder, or a file in it.

    Returns:
        What its `evaluation.json` says; the task of summaries without one.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        text = (folder / EVALUATION).read_text(encoding="utf-8")
        return TASKS[json.loads(text)["settings"]["task"]]
    return SUMMARIZE


def same_rows(a: str | Path, b: str | Path) -> tuple[Evaluation, Evaluation]:
    """Score the texts of two evaluations again, if they are for the same rows.

    Rows in another order are matched by their ids.

    Args:
        a: folder or file of one evaluation, see `read_texts`.
        b: of the other one.

    Returns:
        The scores of both, by the metrics of their task, named by their paths.

    Raises:
        DataError: a file cannot be read, or the tasks, rows or references differ.
    """
    left, right = read_texts(a), read_texts(b)
    task, other_task = task_in(a), task_in(b)
    if task is not other_task:
        raise DataError(
            f"Two evaluations must be of the same task. Received: {task.name} in {a} "
            f"and {other_task.name} in {b}. Evaluate both with the same --task."
        )
    ids = [[row.id for row in found.rows] for found in (left, right)]
    if ids[0] != ids[1]:
        lone = sorted(set(ids[0]) ^ set(ids[1]))
        place = {name: number for number, name in enumerate(ids[1])}
        if lone or not len(place) == len(ids[0]) == len(ids[1]):
            reason = f"{len(lone)} rows are in one of them only, first {lone[:1]}"
            reason = reason if lone else "an id occurs twice"
            raise DataError(
                "Two evaluations must hold texts for the same rows. Received: "
                f"{a} with {len(ids[0])} and {b} with {len(ids[1])}; {reason}. "
                "Evaluate both on the same split."
            )
        order = [place[name] for name in ids[0]]
        right = Texts(
            [right.rows[number] for number in order],
            [right.texts[number] for number in order],
        )
    for one, other in zip(left.rows, right.rows, strict=True):
        if one.references != other.references:
            raise DataError(
                "Two evaluations must have the same references. Received: others for "
                f"the row {one.id!r} in {a} and {b}. Evaluate both on the same data."
            )
    words = words_of(left.rows)
    first, second = (
        score_texts(found.rows, found.texts, words, str(path), task)
        for found, path in ((left, a), (right, b))
    )
    return first, second
