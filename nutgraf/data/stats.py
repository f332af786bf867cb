"""What is in a set of rows: lengths, cut share, duplicates; counted in one pass.

A few bytes are kept of each row, so a data set of any size that fits on a disk passes.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from nutgraf.data.rows import Row

__all__ = ["DataReport", "Lengths", "describe"]

CHUNK = 512


class Lengths(NamedTuple):
    """Lengths of texts.

    Attributes:
        mean: mean.
        median: half are no longer.
        p90: 90 % are no longer.
        p99: 99 % are no longer.
        longest: the longest.
        share_cut: share that is longer than the limit, in [0, 1].
    """

    mean: float
    median: float
    p90: float
    p99: float
    longest: int
    share_cut: float


@dataclass(frozen=True)
class DataReport:
    """Statistics of rows.

    Attributes:
        rows: number of rows.
        unit: what lengths count, "tokens" or "words".
        documents: lengths of the documents.
        summaries: lengths of the first references, the end token not counted; rows
            without reference are left out.
        rows_without_summary: number of rows without reference.
        references: mean number of references of the rows that have some.
        repeated_documents: rows whose document occurred before.
        repeated_summaries: rows whose first reference occurred before.
        repeated_rows: rows of which both, together, occurred before.
    """

    rows: int
    unit: str
    documents: Lengths
    summaries: Lengths
    rows_without_summary: int
    references: float
    repeated_documents: int
    repeated_summaries: int
    repeated_rows: int


def _hash(*texts: str) -> int:
    joined = "\0".join(texts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little")


def _repeated(hashes: array[int]) -> int:
    return len(hashes) - len(np.unique(np.asarray(hashes, np.uint64)))


def _lengths(counts: array[int], limit: int) -> Lengths:
    values = np.asarray(counts, np.int64)
    if not len(values):
        return Lengths(0.0, 0.0, 0.0, 0.0, 0, 0.0)
    median, p90, p99 = np.quantile(values, (0.5, 0.9, 0.99))
    return Lengths(
        float(values.mean()),
        float(median),
        float(p90),
        float(p99),
        int(values.max()),
        float((values > limit).mean()),
    )


def _sizes(texts: list[str], tokenizer: Any) -> Iterator[int]:
    if tokenizer is None:
        return (len(text.split()) for text in texts)
    return (len(ids) for ids in tokenizer.encode_batch(texts))


def describe(
    rows: Iterable[Row],
    tokenizer: Any = None,
    max_source: int = 512,
    max_target: int = 96,
) -> DataReport:
    """Count what is in rows that are read once.

    Args:
        rows: the rows.
        tokenizer: a `Tokenizer`, to count tokens; without it, runs of characters
            between spaces count as words.
        max_source: longer documents count as cut.
        max_target: summaries that, with their end token, are longer count as cut.

    Returns:
        The report.

    Example:
        >>> rows = [Row("1", "a b c", ("a",)), Row("2", "a b c", ("b", "c"))]
        >>> report = describe(rows, max_source=2)
        >>> report.documents.share_cut, report.references, report.repeated_documents
        (1.0, 1.5, 1)
    """
    sizes = {"document": array("l"), "summary": array("l")}
    hashes = {kind: array("Q") for kind in ("document", "summary", "both")}
    total = references = 0
    waiting = iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        total += len(chunk)
        summaries = [row.references[0] for row in chunk if row.references]
        references += sum(len(row.references) for row in chunk)
        sizes["document"].extend(_sizes([row.document for row in chunk], tokenizer))
        sizes["summary"].extend(_sizes(summaries, tokenizer))
        hashes["document"].extend(_hash(row.document) for row in chunk)
        hashes["summary"].extend(map(_hash, summaries))
        hashes["both"].extend(_hash(r.document, *r.references[:1]) for r in chunk)
    known = len(sizes["summary"])
    return DataReport(
        rows=total,
        unit="words" if tokenizer is None else "tokens",
        documents=_lengths(sizes["document"], max_source),
        summaries=_lengths(sizes["summary"], max_target - (tokenizer is not None)),
        rows_without_summary=total - known,
        references=references / known if known else 0.0,
        repeated_documents=_repeated(hashes["document"]),
        repeated_summaries=_repeated(hashes["summary"]),
        repeated_rows=_repeated(hashes["both"]),
    )
