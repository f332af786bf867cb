"""Test rows that nearly repeat in training data are found and dropped.

Two texts nearly repeat each other when the Jaccard similarity of their sets of word
5-grams is at least 0.5. Rows at hand are compared exactly, through an inverted index.
Rows that are not at hand (the training data of a shipped model) are represented by
`Fingerprints`, a few bytes a row from which the similarity is estimated.

Reference: Broder 1997, "On the resemblance and containment of documents"; Li and König
2010, "b-bit minwise hashing", arXiv 0910.3349.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import DataError

__all__ = ["Fingerprints", "drop_near_duplicates", "fingerprint", "shingles"]

WORDS = 5
"""Words of a shingle."""
BODY_BYTES, SUMMARY_BYTES = 20, 16
"""Bytes kept of a body and of a summary."""
SLACK = 0.2
"""How far an estimated similarity may lie below the threshold and still count."""
CHUNK = 256
"""Texts that are looked up together."""
FORMAT = "nutgraf fingerprints 1"

Shingles = np.ndarray
"""(n,) uint64, sorted, without repetition."""


def _mix(values: np.ndarray) -> np.ndarray:
    """Scramble 64-bit values one to one (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def shingles(texts: Iterable[str]) -> Iterator[Shingles]:
    """Yield the set of hashed word 5-grams of each text.

    Words are runs of letters and digits, case folded. A text of fewer than five words
    is one shingle as a whole; one without words has none. Hashes are the same on every
    machine.

    Args:
        texts: any texts.

    Yields:
        (n,) uint64, sorted, without repetition.

    Example:
        >>> one, two, none = shingles(["A b c d e f.", "b C d, e f", "..."])
        >>> len(one), bool(np.isin(two, one).all()), len(none)
        (2, True, 0)
    """
    known: dict[str, int] = {}
    step = np.uint64(0x9E3779B97F4A7C15)
    for text in texts:
        words = re.findall(r"\w+", text.casefold())
        for word in words:
            if word not in known:
                digest = hashlib.blake2b(word.encode("utf-8"), digest_size=8).digest()
                known[word] = int.from_bytes(digest, "little")
        values = np.array([known[word] for word in words], np.uint64)
        size = max(1, min(WORDS, len(values)))
        total = np.zeros(max(0, len(values) - size + 1), np.uint64)
        for place in range(size):
            total = total * step + values[place : place + len(total)]
        yield np.unique(_mix(total + np.uint64(size)))


def _flat(sets: Sequence[Shingles]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All shingles end to end, the text of each, and the size of each set."""
    sizes = np.array([len(values) for values in sets], np.int64)
    owner = np.repeat(np.arange(len(sets)), sizes)
    values = np.concatenate([*sets, np.zeros(0, np.uint64)])
    return values, owner, sizes


def _largest_jaccard(
    queries: Sequence[Shingles], known: Sequence[Shingles]
) -> np.ndarray:
    """Highest Jaccard similarity of each query with any known set, exactly."""
    values, owner, sizes = _flat(known)
    order = np.argsort(values, kind="stable")
    values, owner = values[order], owner[order]
    best = np.zeros(len(queries))
    for start in range(0, len(queries), CHUNK):
        wanted, asker, own = _flat(queries[start : start + CHUNK])
        first = np.searchsorted(values, wanted, "left")
        count = np.searchsorted(values, wanted, "right") - first
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        met = owner[np.repeat(first, count) + within]
        pairs = np.repeat(asker, count) * max(len(known), 1) + met
        pairs, shared = np.unique(pairs, return_counts=True)
        query, other = np.divmod(pairs, max(len(known), 1))
        similarity = shared / (own[query] + sizes[other] - shared)
        np.maximum.at(best, start + query, similarity)
    return best


def _sketch(sets: Iterable[Shingles], size: int) -> np.ndarray:
    """Low bytes of `size` min-hashes of each set: (N, size) uint8.

    Two sets of similarity J agree in a byte with probability J + (1 - J) / 256.
    """
    salts = _mix(np.arange(1, size + 1, dtype=np.uint64) << np.uint64(32))
    rows = [
        _mix(values[None, :] ^ salts[:, None]).min(axis=1)
        if len(values)
        else salts  # no words: like no other text
        for values in sets
    ]
    return np.array(rows, np.uint64).reshape(-1, size).astype(np.uint8)


def _most_agreeing(queries: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Highest number of equal bytes of each query row with any known row."""
    best = np.zeros(len(queries), np.int64)
    if not len(known):
        return best
    columns = []  # for each byte place: known rows in the order of that byte
    for place in range(known.shape[1]):
        order = np.argsort(known[:, place], kind="stable")
        edges = np.searchsorted(known[order, place], np.arange(257))
        columns.append((order, edges))
    for number, query in enumerate(queries):
        hits = [
            order[edges[byte] : edges[int(byte) + 1]]
            for byte, (order, edges) in zip(query, columns, strict=True)
        ]
        best[number] = np.bincount(np.concatenate(hits), minlength=1).max()
    return best


class Fingerprints(NamedTuple):
    """Training rows in 36 bytes each, to find what nearly repeats them.

    Attributes:
        body: (N, 20) uint8, low bytes of min-hashes of the document.
        summary: (N, 16) uint8, the same of the first reference.
    """

    body: np.ndarray
    summary: np.ndarray

    def matches(self, rows: Sequence[Row], threshold: float = 0.5) -> np.ndarray:
        """Say which rows probably repeat in the training data.

        The similarity is estimated, with a standard error of at most 0.11 for bodies
        and 0.13 for summaries, and counts from 0.2 below the threshold on. So at 0.5
        a text is missed with a probability of 6 % when its similarity is just 0.5,
        and of less than 1 % from 0.6 on; rows of 0.3 to 0.5 are mostly taken for
        repeated too: rather a smaller test set than one that was trained on.

        Args:
            rows: rows that may repeat.
            threshold: similarity in (0, 1].

        Returns:
            (N,) bool.
        """
        known = (self.body, self.summary)
        found = np.zeros(len(rows), bool)
        for table, texts in zip(known, _texts(rows), strict=True):
            size = table.shape[1]
            sets = list(shingles(texts))
            equal = _most_agreeing(_sketch(sets, size), table) / size
            estimate = (equal - 1 / 256) / (1 - 1 / 256)
            found |= (estimate >= threshold - SLACK) & [len(s) > 0 for s in sets]
        return found

    def save(self, path: Path) -> None:
        """Write the fingerprints as safetensors, whole or not at all.

        Args:
            path: file, usually `fingerprints.safetensors` in a model folder.
        """
        from safetensors.numpy import save

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        with part.open("wb") as file:
            file.write(save(self._asdict(), {"format": FORMAT}))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Fingerprints:
        """Read what `save` wrote.

        Args:
            path: the file.

        Returns:
            The fingerprints.

        Raises:
            DataError: the file is missing or is something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), "np") as file:
                if (file.metadata() or {}).get("format") != FORMAT:
                    raise ValueError("the format is another")
                return cls(file.get_tensor("body"), file.get_tensor("summary"))
        except (OSError, ValueError, SafetensorError) as error:
            raise DataError(
                f"Fingerprints are a file with the format {FORMAT!r}. Received: "
                f"{path}: {error}. Make them again from the training rows."
            ) from error


def _texts(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Documents and first references."""
    return (
        [row.document for row in rows],
        [row.references[0] if row.references else "" for row in rows],
    )


def fingerprint(rows: Iterable[Row]) -> Fingerprints:
    """Return the fingerprints of training rows; their order tells nothing.

    Args:
        rows: the training rows.

    Returns:
        One pair of sketches for each row, each table sorted on its own.
    """
    bodies, summaries = _texts(list(rows))
    tables = [
        _sketch(shingles(bodies), BODY_BYTES),
        _sketch(shingles(summaries), SUMMARY_BYTES),
    ]
    return Fingerprints(*(table[np.lexsort(table.T[::-1])] for table in tables))


def drop_near_duplicates(
    test_rows: Sequence[Row],
    train_rows: Sequence[Row],
    extra: Fingerprints | None = None,
    threshold: float = 0.5,
) -> list[Row]:
    """Keep the test rows that do not nearly repeat in training data.

    A row is dropped when its body or its first reference has a Jaccard similarity of
    word 5-grams of at least `threshold` with that of any training row.

    Args:
        test_rows: rows to choose from.
        train_rows: training rows, compared exactly.
        extra: fingerprints of more training rows, compared by estimate.
        threshold: similarity in (0, 1].

    Returns:
        The rows kept, in order.

    Example:
        >>> rows = [Row(str(n), f"a b c d {n} f", (f"sum {n}",)) for n in range(3)]
        >>> [row.id for row in drop_near_duplicates(rows, rows[1:2])]
        ['0', '2']
    """
    bad = np.zeros(len(test_rows), bool)
    for tested, trained in zip(_texts(test_rows), _texts(train_rows), strict=True):
        similar = _largest_jaccard(list(shingles(tested)), list(shingles(trained)))
        bad |= similar >= threshold
    if extra is not None:
        bad |= extra.matches(test_rows, threshold)
    return [row for row, drop in zip(test_rows, bad, strict=True) if not drop]
