"""Which texts are longer than the models of a search read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from nutgraf.search.searcher import Searcher

__all__ = ["count_cut", "cut_notes", "cut_pairs"]


def count_cut(model: Any, texts: Iterable[str], window: int) -> int:
    """Count the texts that a model does not read whole.

    Args:
        model: has `tokens`, as an `Embedder` has.
        texts: the texts.
        window: tokens that it reads.

    Returns:
        How many are longer.
    """
    return sum(model.tokens(text) > window for text in texts)


def cut_notes(searcher: Searcher, queries: Sequence[str], dense: bool) -> list[str]:
    """Say how many queries are cut, and by which model.

    Args:
        searcher: what is asked.
        queries: what it is asked.
        dense: whether meanings are compared; where the index has a model, a ranker
            compares them in any case.

    Returns:
        A line for each model that cuts some.
    """
    embedder, ranker = searcher.embedder, cast(Any, searcher.ranker)
    readers: list[tuple[str, Any, int]] = []
    if embedder is not None and (dense or ranker is not None):
        readers.append(("the model", embedder, embedder.window))
    if hasattr(ranker, "query_window"):  # a cross-encoder
        pair = "the ranker, beside a long document,"
        readers.append((pair, ranker, ranker.query_window))
    elif hasattr(ranker, "max_length"):  # a bi-encoder
        readers.append(("the ranker", ranker, ranker.max_length))
    notes = []
    for name, model, window in readers:
        cut = count_cut(model, queries, window)
        what = "the query was" if len(queries) == 1 else f"{cut:,} queries were"
        if cut:
            notes.append(f"{what} cut: {name} reads the first {window:,} tokens")
    return notes


def cut_pairs(
    model: Any, queries: Sequence[str], documents: Sequence[str]
) -> list[str]:
    """Say how many texts a bi-encoder does not read whole in training.

    Args:
        model: a `BiEncoder`.
        queries: what is asked.
        documents: what may answer it.

    Returns:
        A line for queries and one for documents, where some are cut.
    """
    notes = []
    for name, texts in (("queries", queries), ("documents", documents)):
        cut = count_cut(model, texts, model.max_length)
        if cut:
            notes.append(
                f"{cut:,} of {len(texts):,} {name} are cut: the model learns from "
                f"their first {model.max_length:,} tokens"
            )
    return notes
