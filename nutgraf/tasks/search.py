"""Search: documents, queries and judgements as rows, and its metrics.

documents    {"id": ..., "title": ..., "text": ...}; the title may be absent
queries      {"id": ..., "text": ...}
judgements   {"query_id": ..., "doc_id": ..., "relevance": ...}, the grade a number

All are jsonl files, gzipped or not. RL rewards a ranking with its nDCG@K in 0-1
(`search/ranking_rl.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import check_file, missing_field
from nutgraf.data.records import open_binary, read_json_lines
from nutgraf.errors import DataError
from nutgraf.metrics.retrieval import ndcg, recall, reciprocal_rank

__all__ = ["METRICS", "Document", "DocumentFields", "Judgements", "Query"]
__all__ += ["read_documents", "read_judgements", "read_queries"]

Judgements = dict[str, dict[str, float]]
"""Query id -> document id -> grade; 0 or less is not relevant."""

Score = Callable[[Sequence[Sequence[str]], Sequence[Mapping[str, float]]], np.ndarray]
METRICS: dict[str, Score] = {
    "nDCG@10": lambda rankings, judged: ndcg(rankings, judged, 10),
    "MRR@10": lambda rankings, judged: reciprocal_rank(rankings, judged, 10),
    "recall@10": lambda rankings, judged: recall(rankings, judged, 10),
    "recall@100": lambda rankings, judged: recall(rankings, judged, 100),
}
"""Label -> score of each query, 0-100; the first one decides."""


class Document(NamedTuple):
    """A document, or a passage of one.

    Attributes:
        id: unique in its collection.
        text: what it says.
        title: its title; "" without one.
    """

    id: str
    text: str
    title: str = ""

    @property
    def content(self) -> str:
        """Title and text: what is searched."""
        return f"{self.title}\n{self.text}".strip()


class DocumentFields(NamedTuple):
    """Fields of a record that make a document.

    Attributes:
        id: field with the id.
        text: field with the text.
        title: field with the title; records may lack it.
    """

    id: str = "id"
    text: str = "text"
    title: str = "title"


class Query(NamedTuple):
    """A question to a collection.

    Attributes:
        id: unique among the queries.
        text: what is asked.
    """

    id: str
    text: str


def _records(path: Path, log: BadRowLog) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and object of each line that holds one."""
    check_file(path)
    try:
        with open_binary(path) as stream:
            for line, record in read_json_lines(stream):
                if isinstance(record, str):
                    log.add(str(path), line, record)
                else:
                    yield line, record
    except (OSError, EOFError) as error:
        raise DataError(
            f"A file must be readable. Received: {path}: {error}. Copy it again."
        ) from error


def _name(record: dict[str, Any], field: str) -> str:
    """An id as text; ValueError with the reason when there is none."""
    if field not in record:
        raise ValueError(missing_field(field, record))
    value = record[field]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(f"`{field}` must be text or a whole number")
    return str(value)


def _text(record: dict[str, Any], field: str, empty: bool = False) -> str:
    if field not in record:
        raise ValueError(missing_field(field, record))
    value = record[field]
    if not isinstance(value, str):
        raise ValueError(f"`{field}` must be text, not {type(value).__name__}")
    if not value.strip() and not empty:
        raise ValueError(f"`{field}` is empty")
    return value


def read_documents(
    path: Path,
    fields: DocumentFields = DocumentFields(),  # noqa: B008 - a tuple
    log: BadRowLog | None = None,
) -> Iterator[Document]:
    """Read documents from a jsonl file.

    A document may be empty, so that judgements of it stay valid; no search finds it.

    Args:
        path: the file.
        fields: names of its fields.
        log: notes rows that cannot be used; None stops at the end when there are any.

    Yields:
        Documents with different ids.

    Raises:
        DataError: the file is missing or unreadable, or bad rows may not be skipped.
    """
    log = log or BadRowLog("fail")
    seen: set[str] = set()
    for line, record in _records(path, log):
        try:
            name = _name(record, fields.id)
            if name in seen:
                raise ValueError(f"`{fields.id}` {name!r} is there twice")
            text = _text(record, fields.text, empty=True)
            given = record.get(fields.title)
            title = "" if given is None else _text(record, fields.title, empty=True)
        except ValueError as error:
            log.add(str(path), line, str(error))
            continue
        seen.add(name)
        log.good += 1
        yield Document(name, text, title)
    log.check()


def read_queries(path: Path, log: BadRowLog | None = None) -> list[Query]:
    """Read queries from a jsonl file.

    Args:
        path: the file, with the fields `id` and `text`.
        log: notes rows that cannot be used; None stops when there are any.

    Returns:
        The queries, at least one.

    Raises:
        DataError: the file is missing, unreadable or without a query, or bad rows may
            not be skipped.
    """
    log = log or BadRowLog("fail")
    found: dict[str, Query] = {}
    for line, record in _records(path, log):
        try:
            name = _name(record, "id")
            if name in found:
                raise ValueError(f"`id` {name!r} is there twice")
            found[name] = Query(name, _text(record, "text"))
            log.good += 1
        except ValueError as error:
            log.add(str(path), line, str(error))
    log.check()
    if not found:
        raise DataError(
            f"There must be at least one query. Received: {path}, which has none. "
            "Give a jsonl file with the fields `id` and `text`."
        )
    return list(found.values())


def read_judgements(path: Path, log: BadRowLog | None = None) -> Judgements:
    """Read judgements from a jsonl file.

    Args:
        path: the file, with the fields `query_id`, `doc_id` and `relevance`.
        log: notes rows that cannot be used; None stops when there are any.

    Returns:
        The judgements; the highest grade where a pair is judged twice.

    Raises:
        DataError: the file is missing, unreadable or without a judgement, or bad rows
            may not be skipped.
    """
    log = log or BadRowLog("fail")
    found: Judgements = {}
    for line, record in _records(path, log):
        try:
            query, document = _name(record, "query_id"), _name(record, "doc_id")
            if "relevance" not in record:
                raise ValueError(missing_field("relevance", record))
            grade = record["relevance"]
            number = isinstance(grade, int | float) and math.isfinite(grade)
            if not number or isinstance(grade, bool):
                raise ValueError("`relevance` must be a number")
        except ValueError as error:
            log.add(str(path), line, str(error))
            continue
        own = found.setdefault(query, {})
        own[document] = max(float(grade), own.get(document, float(grade)))
        log.good += 1
    log.check()
    if not found:
        raise DataError(
            f"There must be at least one judgement. Received: {path}, which has none. "
            "Give a jsonl file with query_id, doc_id and relevance."
        )
    return found
