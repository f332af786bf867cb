"""Vectors of documents on disk, and those nearest to a query, by `usearch`.

A graph of near neighbours (HNSW, Malkov and Yashunin 2020, arXiv 1603.09320) answers in
time that hardly grows with the number of documents. Where there are few, all are
compared: exact, and fast enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.errors import DataError, DependencyError
from nutgraf.search.bm25 import INSTALL

__all__ = ["EXACT_UP_TO", "Vectors"]

EXACT_UP_TO = 20_000
"""Number of vectors up to which all are compared."""


def _package() -> Any:
    try:
        from usearch import index
    except ImportError as error:
        raise DependencyError("Dense search", "usearch", INSTALL) from error
    return index


class Vectors:
    """An index of vectors of length 1, compared by their dot product.

    Args:
        index: a `usearch.index.Index` whose keys are numbers of documents.
    """

    def __init__(self, index: Any) -> None:
        """Keep the index."""
        self._index = index

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return len(self._index)

    @property
    def width(self) -> int:
        """D, the size of the vectors."""
        return int(self._index.ndim)

    @classmethod
    def build(cls, vectors: np.ndarray) -> Vectors:
        """Index vectors.

        Args:
            vectors: (N, D) float32; vector n has the number n. Their length is 1, or 0
                where a document means nothing: those are left out.

        Returns:
            The index.

        Raises:
            DataError: a number is not finite.
            DependencyError: `usearch` is not installed.
        """
        if not np.isfinite(vectors).all():
            raise DataError(
                "Vectors must be finite. Received: "
                f"{int((~np.isfinite(vectors)).any(axis=1).sum())} with NaN or "
                "infinity. Check the model that made them."
            )
        index = _package().Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        numbers = np.flatnonzero(vectors.any(axis=1))
        # One thread: the graph, and with it the answers, are the same each time.
        index.add(numbers, np.float32(vectors[numbers]), threads=1)
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the index.

        Args:
            path: file.
        """
        self._index.save(str(path))

    @classmethod
    def load(cls, path: Path) -> Vectors:
        """Read an index that `save` wrote.

        Args:
            path: file.

        Returns:
            The index; its vectors stay on disk and are read as they are needed.

        Raises:
            DataError: the file is no index.
            DependencyError: `usearch` is not installed.
        """
        try:
            index = _package().Index.restore(str(path), view=True)
        except DependencyError:
            raise
        except Exception as error:  # usearch raises several kinds, RuntimeError too
            raise DataError(
                f"Vectors must be a usearch index. Received: {path}: {error}. Build "
                "the index again with `nutgraf index`."
            ) from error
        if index is None:
            raise DataError(
                f"Vectors must be a usearch index. Received: {path}, which is none. "
                "Build the index again with `nutgraf index`."
            )
        return cls(index)

    def get(self, numbers: np.ndarray) -> np.ndarray:
        """Return vectors by their numbers.

        Args:
            numbers: (n,) ints.

        Returns:
            (n, D) float32; zeros for those that were left out.
        """
        found = np.zeros((len(numbers), self.width), np.float32)
        vectors = self._index.get(np.asarray(numbers, np.uint64))
        for own, vector in zip(found, vectors, strict=True):
            if vector is not None:
                own[:] = vector
        return found

    def search(self, query: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the vectors with the highest dot products.

        Args:
            query: (D,) float32 of length 1.
            top: most vectors wanted, at least 1.

        Returns:
            Numbers (n,) int64 and cosines (n,) float32, best first, n <= top; of equal
            ones the first.
        """
        exact = len(self) <= EXACT_UP_TO
        found = self._index.search(np.float32(query), min(top, len(self)), exact=exact)
        numbers = np.asarray(found.keys, np.int64)
        cosines = 1.0 - np.asarray(found.distances, np.float32)
        order = np.lexsort((numbers, -cosines))
        return numbers[order], cosines[order]
