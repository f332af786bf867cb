"""BM25, the yardstick of all search, by the package `bm25s`.

score = sum over words of idf · tf / (tf + k1 (1 - b + b length / mean length)), with
the idf of Lucene, ln(1 + (N - n + 0.5) / (n + 0.5)). Scores are computed when the index
is built, so that a query only adds up columns.

Reference: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and
Beyond"; Lù 2024, "BM25S", arXiv 2407.03618; Kamphuis et al. 2020, "Which BM25 Do You
Mean?" (the Lucene variant).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.errors import DependencyError
from nutgraf.search.words import Stemming, search_words

__all__ = ["Bm25", "best_first"]

K1, B = 1.5, 0.75
INSTALL = 'python -m pip install "nutgraf[search]"'


def best_first(scores: np.ndarray, top: int) -> np.ndarray:
    """Return the places of the highest scores, best first; of equal ones the first.

    Args:
        scores: (N,) numbers.
        top: most places wanted.

    Returns:
        (min(top, N),) int64.

    Example:
        >>> best_first(np.float32([1, 3, 2, 3]), 3).tolist()
        [1, 3, 2]
    """
    return np.argsort(-scores, kind="stable")[:top]


def _package() -> Any:
    try:
        import bm25s
    except ImportError as error:
        raise DependencyError("BM25", "bm25s", INSTALL) from error
    return bm25s


class Bm25:
    """A BM25 index of texts.

    Args:
        model: a `bm25s.BM25` that was built or loaded.
        stem: how words were stemmed.
    """

    def __init__(self, model: Any, stem: Stemming) -> None:
        """Keep the model."""
        self._model = model
        self.stem = stem

    @classmethod
    def build(cls, texts: Iterable[str], stem: Stemming = "english") -> Bm25:
        """Index texts.

        Args:
            texts: N texts, some of them perhaps without a word.
            stem: see `search_words`.

        Returns:
            The index; text n has the number n.

        Raises:
            DependencyError: `bm25s` is not installed.
        """
        numbers = {"": 0}
        rows = [
            [
                numbers.setdefault(word, len(numbers))
                for word in search_words(text, stem)
            ]
            for text in texts
        ]
        if not any(rows):  # lengths are divided by their mean
            rows = [[0] for _ in rows]
        model = _package().BM25(k1=K1, b=B, method="lucene")
        model.index((rows, numbers), show_progress=False, create_empty_token=True)
        return cls(model, stem)

    def save(self, folder: Path) -> None:
        """Write the index into a folder.

        Args:
            folder: where to; made when absent.
        """
        self._model.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, stem: Stemming) -> Bm25:
        """Read an index that `save` wrote.

        Args:
            folder: where it is.
            stem: how its words were stemmed.

        Returns:
            The index.

        Raises:
            DependencyError: `bm25s` is not installed.
        """
        return cls(_package().BM25.load(str(folder), show_progress=False), stem)

    def scores(self, query: str) -> np.ndarray:
        """Score all texts.

        Args:
            query: what is asked.

        Returns:
            (N,) float32, at least 0; 0 for texts without a word of the query.
        """
        known = self._model.vocab_dict
        words = [
            known[word] for word in search_words(query, self.stem) if word in known
        ]
        if not words:
            return np.zeros(self._model.scores["num_docs"], np.float32)
        return np.asarray(self._model.get_scores_from_ids(words), np.float32)

    def search(self, query: str, top: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the texts with the highest scores.

        Args:
            query: what is asked.
            top: most texts wanted.

        Returns:
            Numbers (n,) int64 and scores (n,) float32 > 0, best first, n <= top; of
            equal ones the first.
        """
        scores = self.scores(query)
        found = best_first(scores, top)
        found = found[scores[found] > 0]
        return found, scores[found]
