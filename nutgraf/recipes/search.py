"""Training for search, end to end: the function behind `nutgraf train-search`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nutgraf.errors import ConfigError, DataError
from nutgraf.files import write_json
from nutgraf.recipes.run_card import (
    plain,
    refuse_other_rows,
    refuse_other_settings,
)
from nutgraf.search.cross_encoder import CrossEncoder
from nutgraf.search.cut import cut_notes, cut_pairs
from nutgraf.search.dense import BiEncoder, Contrastive, load_bi_encoder, pairs_of
from nutgraf.search.index_folder import fingerprint, open_index
from nutgraf.search.loop import SearchLoop
from nutgraf.search.rankers import AnyRanker, load_ranker
from nutgraf.search.ranking import Supervised, ranking_rows, validation
from nutgraf.search.ranking_rl import RankingRL
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.searcher import Searcher
from nutgraf.search.settings import TrainSearchSettings
from nutgraf.tasks.search import (
    Judgements,
    Query,
    read_judgements,
    read_queries,
)

__all__ = ["Data", "split_queries", "train_on", "train_search"]


class Data(NamedTuple):
    """What is learned from.

    Attributes:
        searcher: finds the candidates; without a ranker.
        train: queries to learn from.
        valid: held-out queries, perhaps none.
        judged: judgements of both.
    """

    searcher: Searcher
    train: Sequence[Query]
    valid: Sequence[Query]
    judged: Judgements


def split_queries(
    queries: Sequence[Query], folds: int, fold: int = 0
) -> tuple[list[Query], list[Query]]:
    """Hold one query in so many out, by its place.

    Args:
        queries: the queries.
        folds: 0 holds nothing out.
        fold: which of the folds, in [0, folds).

    Returns:
        The rest, and those held out.

    Example:
        >>> queries = [Query(str(number), "a") for number in range(5)]
        >>> [query.id for query in split_queries(queries, 2, 1)[1]]
        ['1', '3']
    """
    if not folds:
        return list(queries), []
    held = [query for place, query in enumerate(queries) if place % folds == fold]
    rest = [query for place, query in enumerate(queries) if place % folds != fold]
    return rest, held


def _name(data: Data) -> str:
    """A name that changes with queries, judgements and what the index holds."""
    index, queries = data.searcher.index, (*data.train, *data.valid)
    judged = [(*query, data.judged[query.id]) for query in queries]
    settings = index.manifest.stem, index.manifest.embedder, repr(judged)
    return f"{len(queries):,} queries, {fingerprint(index.documents, *settings)}"


def _searcher(settings: TrainSearchSettings) -> Searcher:
    """The index with the model of its vectors."""
    index = open_index(settings.index)
    model = index.manifest.model
    return Searcher(index, load_bi_encoder(model) if model else None)


def _model(settings: TrainSearchSettings, searcher: Searcher) -> Any:
    """What is trained: the start, or a new one."""
    objective, start = settings.objective, settings.start
    length, seed = settings.max_length, settings.training.seed
    if objective == "contrastive":
        return load_bi_encoder(start or "minilm", settings.temperature, length)
    if objective == "rescore" and not start:
        vectors = searcher.index.vectors
        if vectors is None:
            raise ConfigError(
                "objective must be contrastive or cross for an index without vectors. "
                "Received: rescore. Build the index again with --dense minilm."
            )
        embedder = searcher.index.manifest.embedder
        return Rescorer(vectors.width, embedder, settings.rank, seed)
    found: AnyRanker = load_ranker(start or "minilm", settings.temperature, length)
    if objective == "cross" and isinstance(found, BiEncoder):
        bert = found.embedder
        return CrossEncoder(bert.model, bert.tokenizer, length)
    kinds = {"rescore": Rescorer, "cross": CrossEncoder}
    if objective in kinds and not isinstance(found, kinds[objective]):
        raise ConfigError(
            f"start must be a model that `{objective}` trains. Received: {start}, a "
            f"{type(found).__name__}. Give another start or objective."
        )
    return found


def _lesson(settings: TrainSearchSettings, data: Data, model: Any) -> Any:
    """The batches and their loss."""
    training = settings.training
    batch, seed = training.batch, training.seed
    if settings.objective == "contrastive":
        documents = data.searcher.index.documents
        return Contrastive(
            model,
            [document.content for document in documents],
            pairs_of(data.searcher, data.train, data.judged, settings.negatives),
            settings.negatives,
            batch,
            seed,
            settings.dropout,
        )
    width = settings.candidates
    rows = ranking_rows(data.searcher, data.train, data.judged, width)
    if settings.objective == "rl":
        return RankingRL(
            model,
            rows,
            width,
            batch,
            seed,
            samples=settings.samples,
            places=settings.places,
            reward=settings.reward,
            supervised_weight=settings.supervised_weight,
        )
    kind, dropout = settings.loss, settings.dropout
    return Supervised(model, rows, width, batch, seed, kind=kind, dropout=dropout)


def _cut(settings: TrainSearchSettings, data: Data, model: Any) -> list[str]:
    """Lines on the texts that are not read whole."""
    queries = [query.text for query in (*data.train, *data.valid)]
    index, embedder = data.searcher.index, data.searcher.embedder
    if settings.objective == "contrastive":
        documents = [document.content for document in index.documents]
        return cut_pairs(model, queries, documents)
    return cut_notes(Searcher(index, embedder, model), queries, False)


def train_on(
    settings: TrainSearchSettings,
    data: Data,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train on given queries; the settings' files of them are not read.

    Args:
        settings: the settings.
        data: what is learned from.
        report: called with each line a user should see.

    Returns:
        The position of the run at its end; "model", the folder of the best weights.

    Raises:
        ConfigError: the folder holds a run of other settings, or the start does not
            fit.
        DataError: no query has a relevant document.
    """
    model = _model(settings, data.searcher)
    lesson = _lesson(settings, data, model)
    validate, folder = None, Path(settings.out)
    if data.valid:
        held = ranking_rows(data.searcher, data.valid, data.judged, settings.candidates)
        validate = validation(model, held)
    report(
        f"{len(data.train):,} queries to learn from, {len(data.valid):,} held out; "
        f"{settings.training.updates:,} updates of {settings.training.batch}"
    )
    for line in _cut(settings, data, model):
        report(line)
    loop = SearchLoop(model, lesson, settings.training, folder, validate)
    started = time.monotonic()
    position = loop.fit(settings.max_minutes * 60 or math.inf)
    state = "finished" if position["finished"] else "stopped, run it again to go on,"
    line = (
        f"{state} at update {position['step']:,} after "
        f"{time.monotonic() - started:,.0f} s; model in {folder / 'best'}"
    )
    if position["best"] is not None:
        line += (
            f"; nDCG@10 of held-out queries {100 * position['best']:.1f} at update "
            f"{position['best_step']:,}"
        )
    report(line)
    return {**position, "model": str(folder / "best")}


def train_search(
    settings: TrainSearchSettings, report: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Train a model for search.

    Args:
        settings: the settings.
        report: called with each line a user should see.

    Returns:
        See `train_on`.

    Raises:
        ConfigError: the folder holds a run of other settings, queries, judgements or
            documents.
        DataError: files cannot be read, or no query has a relevant document.
        ModelError: the start is no model folder.
    """
    refuse_other_settings(Path(settings.out), settings)
    queries = read_queries(Path(settings.queries))
    judged = read_judgements(Path(settings.qrels))
    answered = [query for query in queries if query.id in judged]
    if not answered:
        raise DataError(
            "Queries and judgements must belong together. Received: "
            f"{settings.queries} and {settings.qrels}, which share no query id. Check "
            "the files."
        )
    data = Data(_searcher(settings), *split_queries(answered, settings.folds), judged)
    name = _name(data)
    refuse_other_rows(Path(settings.out), name)
    card = {"settings": plain(settings), "data": name}
    write_json(Path(settings.out) / "run.json", card)
    return train_on(settings, data, report)
