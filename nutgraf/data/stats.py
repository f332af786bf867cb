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
from nutgraf.text.words import PIECE

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
        sources: lengths of the documents.
        targets: lengths of the first references, the end token not counted; rows
            without reference are left out.
        rows_without_target: number of rows without reference.
        references: mean number of references of the rows that have some.
        repeated_sources: rows whose document occurred before.
        repeated_targets: rows whose first reference occurred before.
        repeated_rows: rows of which both, together, occurred before.
    """

    rows: int
    unit: str
    sources: Lengths
    targets: Lengths
    rows_without_target: int
    references: float
    repeated_sources: int
    repeated_targets: int
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
        return (len(PIECE.findall(text)) for text in texts)
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
        tokenizer: a `Tokenizer`, to count tokens; without it, what lies between
            spaces counts as a word, and each Chinese, Japanese or Korean character.
        max_source: longer sources count as cut.
        max_target: targets that, with their end token, are longer count as cut.

    Returns:
        The report.

    Example:
        >>> rows = [Row("1", "a b c", ("a",)), Row("2", "a b c", ("b", "c"))]
        >>> report = describe(rows, max_source=2)
        >>> report.sources.share_cut, report.references, report.repeated_sources
        (1.0, 1.5, 1)
    """
    sizes = {"source": array("l"), "target": array("l")}
    hashes = {kind: array("Q") for kind in ("source", "target", "both")}
    total = references = 0
    waiting = iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        total += len(chunk)
        targets = [row.references[0] for row in chunk if row.references]
        references += sum(len(row.references) for row in chunk)
        sizes["source"].extend(_sizes([row.document for row in chunk], tokenizer))
        sizes["target"].extend(_sizes(targets, tokenizer))
        hashes["source"].extend(_hash(row.document) for row in chunk)
        hashes["target"].extend(map(_hash, targets))
        hashes["both"].extend(_hash(r.document, *r.references[:1]) for r in chunk)
    known = len(sizes["target"])
    return DataReport(
        rows=total,
        unit="words" if tokenizer is None else "tokens",
        sources=_lengths(sizes["source"], max_source),
        targets=_lengths(sizes["target"], max_target - (tokenizer is not None)),
        rows_without_target=total - known,
        references=references / known if known else 0.0,
        repeated_sources=_repeated(hashes["source"]),
        repeated_targets=_repeated(hashes["target"]),
        repeated_rows=_repeated(hashes["both"]),
    )
