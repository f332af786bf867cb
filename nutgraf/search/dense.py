"""The bi-encoder of dense search: query and document are read apart, and compared.

It is a sentence embedder (`models/embedding.py`). Trained with the documents of a batch
as each other's negatives and hard ones from BM25, which share words with the query and
are not its answer. As a ranker its score is the cosine over a temperature, so that RL
on rankings can train it too.

Reference: Karpukhin et al. 2020, "Dense Passage Retrieval for Open-Domain Question
Answering", section 3.2, arXiv 2004.04906; Reimers and Gurevych 2019, "Sentence-BERT",
arXiv 1908.10084.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.backend import assign, jit, to_numpy
from nutgraf.errors import DataError
from nutgraf.layers.dropout import Dropout
from nutgraf.models.bert_inputs import (
    BertBatch,
    bert_batch,
    joined_texts,
    padded_length,
)
from nutgraf.models.embedding import SentenceEmbedder, load_embedder, save_embedder
from nutgraf.objectives.contrastive import contrastive_loss, normalised
from nutgraf.search.first_stage import padded
from nutgraf.search.loop import batch_of
from nutgraf.search.ranker_folder import rank_in_chunks
from nutgraf.search.searcher import Candidates, Searcher
from nutgraf.tasks.search import Judgements, Query

__all__ = ["BiEncoder", "Contrastive", "Pair", "load_bi_encoder", "pairs_of"]

Array = Any
_CHUNK = 2
"""Queries whose candidates are read at once."""


class BiEncoder:
    """A sentence embedder as a model of dense search, and as a ranker.

    Args:
        embedder: the sentence embedder; its weights are shared, not copied.
        temperature: > 0; cosines are divided by it.
        max_length: longest text in training and ranking, in tokens; 0 = as it has it.
    """

    def __init__(
        self, embedder: SentenceEmbedder, temperature: float = 0.05, max_length: int = 0
    ) -> None:
        """Compile nothing yet."""
        self.embedder = embedder
        self.temperature = temperature
        self.window = embedder.max_length
        self.max_length = min(max_length or self.window, self.window)
        self._scores = jit(lambda values, arrays: self.scores(values, arrays))

    @property
    def variables(self) -> list[Any]:
        """The Keras variables of the embedder."""
        return self.embedder.variables

    @cached_property
    def name(self) -> str:
        """A hash of the weights as they are at first use, and how states are pooled."""
        stamp = hashlib.sha256(self.embedder.pooling.encode())
        for variable in self.variables:
            stamp.update(np.ascontiguousarray(to_numpy(variable.value)).tobytes())
        return f"bert-{stamp.hexdigest()[:16]}"

    def tokens(self, text: str) -> int:
        """See `Embedder.tokens`."""
        return len(self.embedder.tokenizer.encode(text)) + 2

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32 vectors of length 1 of N texts."""
        vectors = self.embedder(texts)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(length, np.float32(1e-12))

    def batch(self, texts: Sequence[str]) -> BertBatch:
        """Return texts as arrays, cut to `max_length`.

        Args:
            texts: B texts.

        Returns:
            The batch.
        """
        tokenizer, limit = self.embedder.tokenizer, self.max_length
        inputs = joined_texts(tokenizer, list(texts), None, limit)
        longest = max(len(one.ids) for one in inputs)
        return bert_batch(inputs, padded_length(longest, limit))

    def arrays(self, rows: Sequence[Candidates], width: int) -> dict[str, Any]:
        """See `TrainableRanker.arrays`."""
        texts: list[str] = []
        for row in rows:
            texts += [document.content for document in row.documents]
            texts += [""] * (width - len(row.documents))
        mask = padded([np.ones(len(row.numbers), bool) for row in rows], width)
        queries = self.batch([row.query for row in rows])
        return {"mask": mask, "queries": queries, "documents": self.batch(texts)}

    def scores(
        self,
        values: list[Array],
        arrays: dict[str, Any],
        dropout: Dropout | None = None,
    ) -> Array:
        """See `TrainableRanker.scores`."""
        asked = normalised(self.embedder.embed(values, arrays["queries"], dropout))
        own = normalised(self.embedder.embed(values, arrays["documents"], dropout))
        rows, width = ops.shape(arrays["mask"])
        own = ops.reshape(own, (rows, width, own.shape[-1]))
        return ops.sum(asked[:, None, :] * own, axis=-1) / self.temperature

    def rank_with(
        self, values: list[Array], rows: Sequence[Candidates]
    ) -> list[np.ndarray]:
        """See `TrainableRanker.rank_with`."""
        return rank_in_chunks(self, self._scores, values, rows, _CHUNK)

    def rank(self, rows: Sequence[Candidates]) -> list[np.ndarray]:
        """See `Ranker.rank`."""
        return self.rank_with([one.value for one in self.variables], rows)

    def save(self, folder: Path, values: list[np.ndarray]) -> None:
        """See `Trainable.save`; the model gets these weights."""
        assign(self.variables, values)
        save_embedder(folder, self.embedder)


def load_bi_encoder(
    folder: str | Path, temperature: float = 0.05, max_length: int = 0
) -> BiEncoder:
    """Load a model for dense search.

    Args:
        folder: a folder of a BERT or sentence embedder, or "minilm".
        temperature: see `BiEncoder`.
        max_length: see `BiEncoder`.

    Returns:
        The bi-encoder.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
        DependencyError: the package of "minilm" is not installed.
    """
    return BiEncoder(load_embedder(folder), temperature, max_length)


class Pair(NamedTuple):
    """A query, a document that answers it, and some that do not.

    Attributes:
        query: its text.
        document: number of the relevant document in the index.
        negatives: numbers of hard negatives.
        relevant: numbers of all relevant documents.
    """

    query: str
    document: int
    negatives: tuple[int, ...]
    relevant: frozenset[int]


def pairs_of(
    searcher: Searcher, queries: Sequence[Query], judged: Judgements, negatives: int
) -> list[Pair]:
    """Return a pair for each relevant document of each query.

    Args:
        searcher: its BM25 finds the hard negatives: the first documents that are not
            relevant, others for each pair of a query.
        queries: what is asked.
        judged: the judgements.
        negatives: hard negatives per pair, as far as BM25 finds so many; >= 0.

    Returns:
        The pairs.

    Raises:
        DataError: there is none.
    """
    places = {document.id: n for n, document in enumerate(searcher.index.documents)}
    found = []
    for query in queries:
        grades = judged.get(query.id, {})
        named = (places.get(name) for name, grade in grades.items() if grade > 0)
        relevant = [number for number in named if number is not None]
        count = len(relevant) * (negatives + 1)
        first, _ = searcher.index.bm25.search(query.text, count + len(relevant))
        hard = [number for number in first.tolist() if number not in relevant]
        for place, number in enumerate(relevant):
            own = tuple(hard[place * negatives : (place + 1) * negatives])
            found.append(Pair(query.text, number, own, frozenset(relevant)))
    if not found:
        raise DataError(
            "There must be a query with a relevant document in the index. Received: "
            f"{len(queries)} queries without any. Check that the ids of queries, "
            "judgements and index are the same."
        )
    return found


class Contrastive:
    """The lesson of the bi-encoder from pairs.

    Args:
        model: what is trained.
        texts: of all documents of the index, by their numbers.
        pairs: of `pairs_of`.
        negatives: hard negatives of a pair.
        batch: pairs per update.
        seed: of the order of the pairs.
        dropout: share of activations dropped, in [0, 1).
    """

    def __init__(
        self,
        model: BiEncoder,
        texts: Sequence[str],
        pairs: Sequence[Pair],
        negatives: int,
        batch: int,
        seed: int,
        dropout: float = 0.1,
    ) -> None:
        """Keep all."""
        self.model = model
        self.texts = texts
        self.pairs = pairs
        self.negatives = negatives
        self.batch = batch
        self.seed = seed
        self.dropout = dropout

    def arrays(self, step: int) -> dict[str, Any]:
        """See `Lesson.arrays`."""
        chosen = batch_of(len(self.pairs), self.batch, self.seed, step)
        pairs = [self.pairs[number] for number in chosen]
        documents = [pair.document for pair in pairs]
        for pair in pairs:  # where BM25 finds too few, the own document fills up
            room = self.negatives - len(pair.negatives)
            documents += [*pair.negatives, *[pair.document] * room]
        allowed = np.array(
            [[number not in pair.relevant for number in documents] for pair in pairs]
        )
        return {
            "queries": self.model.batch([pair.query for pair in pairs]),
            "documents": self.model.batch([self.texts[n] for n in documents]),
            "allowed": allowed,
        }

    def loss(
        self, values: list[Array], arrays: dict[str, Any], seed: Array
    ) -> tuple[Array, dict[str, tuple[Array, Array]]]:
        """See `Lesson.loss`."""
        embed, drop = self.model.embedder.embed, Dropout(self.dropout, seed)
        losses = contrastive_loss(
            embed(values, arrays["queries"], drop),
            embed(values, arrays["documents"], drop),
            arrays["allowed"],
            temperature=self.model.temperature,
        )
        total, count = ops.sum(losses), ops.cast(ops.shape(losses)[0], "float32")
        return total / count, {"loss/contrastive": (total, count)}
