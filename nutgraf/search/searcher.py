"""Asking an index: by words, by meaning, by both; the first ones ranked again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from nutgraf.errors import ConfigError
from nutgraf.search.embedder import Embedder
from nutgraf.search.fusion import fuse
from nutgraf.search.index_folder import Index
from nutgraf.tasks.search import Document

__all__ = ["DEPTH", "Candidates", "Found", "MODES", "Mode", "Ranker", "Searcher"]

Mode = Literal["bm25", "dense", "hybrid"]
MODES: tuple[Mode, ...] = ("bm25", "dense", "hybrid")
DEPTH = 100
"""Documents that each side hands to the fusion."""


class Candidates(NamedTuple):
    """Documents of one query that are to be ranked again.

    Attributes:
        query: what is asked.
        numbers: (n,) int64, documents of the index.
        documents: the same as texts.
        bm25: (n,) float32, their BM25 scores.
        dense: (n,) float32, their cosines; zeros without vectors.
        query_vector: (D,) float32; None without vectors.
        vectors: (n, D) float32; None without vectors.
        embedder: name of the model of the vectors; "" without vectors.
    """

    query: str
    numbers: np.ndarray
    documents: list[Document]
    bm25: np.ndarray
    dense: np.ndarray
    query_vector: np.ndarray | None
    vectors: np.ndarray | None
    embedder: str


class Ranker(Protocol):
    """A model that ranks the candidates of queries."""

    def rank(self, rows: Sequence[Candidates]) -> list[np.ndarray]:
        """Return a score for each candidate.

        Args:
            rows: the candidates of each query.

        Returns:
            (n,) float32 for each query; the higher, the better.
        """


class Found(NamedTuple):
    """A document that was found.

    Attributes:
        document: the document.
        score: of the mode: BM25, cosine, fused ranks, or the ranker's.
        number: its number in the index.
    """

    document: Document
    score: float
    number: int


class Searcher:
    """Searches an index.

    Args:
        index: the index.
        embedder: the model of its vectors; None when only words are searched.
        ranker: ranks the first `rerank` documents again; None leaves them.
        rerank: how many that are.

    Raises:
        ConfigError: the embedder is not the one of the index.

    Example:
        >>> import tempfile
        >>> from nutgraf.search.index_folder import build_index, open_index
        >>> folder = tempfile.mkdtemp()
        >>> texts = {"1": "A wing in a slipstream.", "2": "Heat in a plate."}
        >>> rows = [Document(name, text) for name, text in texts.items()]
        >>> _ = build_index(folder, rows)
        >>> [hit.document.id for hit in Searcher(open_index(folder)).search("wings")]
        ['1']
    """

    def __init__(
        self,
        index: Index,
        embedder: Embedder | None = None,
        ranker: Ranker | None = None,
        rerank: int = 20,
    ) -> None:
        """Check that index and model fit."""
        own = index.manifest.embedder
        if embedder is not None and embedder.name != own:
            raise ConfigError(
                f"The model must be the one of the index, {own or 'none'}. Received: "
                f"{embedder.name}. Build the index again with this model."
            )
        self.index = index
        self.embedder = embedder
        self.ranker = ranker
        self.rerank = rerank

    def modes(self) -> tuple[Mode, ...]:
        """Return the ways in which this index can be asked."""
        dense = self.index.vectors is not None and self.embedder is not None
        return MODES if dense else ("bm25",)

    def search(self, query: str, mode: Mode = "bm25", top: int = 10) -> list[Found]:
        """Find the documents that answer a query best.

        Args:
            query: what is asked.
            mode: "bm25" compares words, "dense" meanings, "hybrid" fuses both.
            top: most documents wanted, at least 1.

        Returns:
            At most `top` documents, best first.

        Raises:
            ConfigError: the query is empty, or the index has no vectors for the mode.
        """
        return self.search_all([query], mode, top)[0]

    def search_all(
        self, queries: Sequence[str], mode: Mode = "bm25", top: int = 10
    ) -> list[list[Found]]:
        """Search for several queries at once; see `search`.

        Args:
            queries: what is asked.
            mode: see `search`.
            top: most documents of each query, at least 1.

        Returns:
            At most `top` documents of each query, best first.

        Raises:
            ConfigError: see `search`.
        """
        self._check(queries, mode, top)
        depth = max(top, self.rerank if self.ranker else 0)
        vectors = self._vectors(queries) if mode != "bm25" else [None] * len(queries)
        found = [
            self._ask(query, vector, mode, depth)
            for query, vector in zip(queries, vectors, strict=True)
        ]
        if self.ranker is not None:
            found = self._again(queries, found)
        documents = self.index.documents
        return [
            [
                Found(documents[number], float(score), int(number))
                for number, score in zip(numbers[:top], scores[:top], strict=True)
            ]
            for numbers, scores in found
        ]

    def candidates(
        self, queries: Sequence[str], rows: Sequence[np.ndarray]
    ) -> list[Candidates]:
        """Collect what a ranker may look at.

        Args:
            queries: what is asked.
            rows: (n,) numbers of documents for each query.

        Returns:
            The candidates of each query.
        """
        with_vectors = len(self.modes()) > 1
        vectors = self._vectors(queries) if with_vectors else [None] * len(queries)
        name = self.index.manifest.embedder if with_vectors else ""
        found = []
        for query, numbers, asked in zip(queries, rows, vectors, strict=True):
            documents = [self.index.documents[number] for number in numbers]
            bm25 = self.index.bm25.scores(query)[numbers]
            own, dense = None, np.zeros(len(numbers), np.float32)
            if asked is not None and self.index.vectors is not None:
                own = self.index.vectors.get(numbers)
                dense = own @ asked
            found.append(
                Candidates(query, numbers, documents, bm25, dense, asked, own, name)
            )
        return found

    def _check(self, queries: Sequence[str], mode: Mode, top: int) -> None:
        if mode not in MODES:
            raise ConfigError(
                f"mode must be one of {', '.join(MODES)}. Received: {mode!r}. Leave it "
                "out for the best that the index has."
            )
        if mode not in self.modes():
            raise ConfigError(
                f"mode must be bm25 for an index without vectors. Received: {mode}. "
                "Build the index again with --dense minilm."
            )
        if top < 1:
            raise ConfigError(
                f"top must be at least 1. Received: top={top}. Leave it out for 10."
            )
        for query in queries:
            if not query.strip():
                raise ConfigError(
                    f"A query must hold at least one word. Received: {query!r}. Ask "
                    "for something."
                )

    def _vectors(self, queries: Sequence[str]) -> Sequence[np.ndarray]:
        if self.embedder is None:
            raise ConfigError(
                "Dense search needs the model of the index. Received: none. Give an "
                "embedder."
            )
        return list(np.asarray(self.embedder(list(queries)), np.float32))

    def _ask(
        self, query: str, vector: np.ndarray | None, mode: Mode, depth: int
    ) -> tuple[np.ndarray, np.ndarray]:
        index = self.index
        if vector is None or index.vectors is None:
            return index.bm25.search(query, depth)
        if mode == "dense":
            return index.vectors.search(vector, depth)
        each = max(DEPTH, depth)
        by_words = index.bm25.search(query, each)[0]
        by_meaning = index.vectors.search(vector, each)[0]
        return fuse([by_words, by_meaning], depth)

    def _again(
        self, queries: Sequence[str], found: list[tuple[np.ndarray, np.ndarray]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rank the first ones again; those after them stay in their order below."""
        if self.ranker is None:
            return found
        first = [numbers[: self.rerank] for numbers, _ in found]
        scores = self.ranker.rank(self.candidates(queries, first))
        ranked = []
        for (numbers, _), own, score in zip(found, first, scores, strict=True):
            order = np.argsort(-score, kind="stable")
            rest = numbers[len(own) :]
            lowest = float(score.min()) if len(score) else 0.0
            below = lowest - np.arange(1, len(rest) + 1)
            ranked.append(
                (
                    np.concatenate([own[order], rest]),
                    np.concatenate([score[order], below]),
                )
            )
        return ranked
