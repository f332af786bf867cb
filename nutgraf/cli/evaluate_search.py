"""`nutgraf evaluate-search`: how good the ways to search an index are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import say
from nutgraf.cli.search import open_searcher
from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

if TYPE_CHECKING:
    from nutgraf.tasks.search import Document, Judgements, Query

__all__ = ["EvaluateSearchSettings", "run"]


@dataclass(frozen=True)
class EvaluateSearchSettings:
    """Settings of `nutgraf evaluate-search`."""

    queries: Path
    """jsonl file of queries: id, text. Needs no flag."""
    qrels: Path
    """jsonl file of judgements: query_id, doc_id, relevance. Needs no flag."""
    index: Path = Path("runs/index")
    """Folder that `nutgraf index` wrote."""
    modes: tuple[Literal["bm25", "dense", "hybrid"], ...] = ()
    """Ways to search, the first one is what the others are tested against; none = all
    that the index has."""
    rerank: str = ""
    """Model folder of a ranker, or minilm, that ranks the first documents of the last
    mode again: one more line of the table."""
    depth: int = 20
    """Documents that are ranked again."""
    out: str = ""
    """File for the rankings, one JSON object per query and way; "" = none."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, depth=">= 1")
        if len(set(self.modes)) != len(self.modes):
            raise ConfigError(
                "modes must name each way once. Received: "
                f"{' '.join(self.modes)}. Leave the second one out."
            )


def _absent(
    asked: Sequence[Query], judged: Judgements, documents: Sequence[Document]
) -> str:
    """What is judged relevant and cannot be found, in words; "" for nothing."""
    known = {document.id for document in documents}
    relevant = {
        name for query in asked for name, grade in judged[query.id].items() if grade > 0
    }
    absent = sorted(relevant - known)
    if not absent:
        return ""
    return (
        f"{len(absent):,} of {len(relevant):,} relevant documents are not in the index "
        f"and count as not found, such as {absent[0]!r}; the index has ids like "
        f"{documents[0].id!r}"
    )


def run(argv: Sequence[str]) -> int:
    """Score searches.

    Args:
        argv: arguments after `nutgraf evaluate-search`.

    Returns:
        0.
    """
    settings = load_settings(
        EvaluateSearchSettings,
        argv,
        prog="nutgraf evaluate-search",
        description=(
            "Search for all queries and score the rankings: nDCG@10, MRR@10, recall, "
            "with 95 % intervals and a paired test against the first way to search."
        ),
        examples=[
            "nutgraf evaluate-search queries.jsonl qrels.jsonl --index runs/letters",
            "nutgraf evaluate-search queries.jsonl qrels.jsonl --modes bm25 hybrid "
            "--rerank runs/search/best",
        ],
        positional=["queries", "qrels"],
    )
    from nutgraf.evaluation.table import print_table
    from nutgraf.files import write_text
    from nutgraf.search.cut import cut_notes
    from nutgraf.search.evaluate import rankings_of, score_rankings, search_table
    from nutgraf.tasks.search import read_judgements, read_queries

    queries, judged = read_queries(settings.queries), read_judgements(settings.qrels)
    asked = [query for query in queries if query.id in judged]
    if len(asked) < len(queries):
        say(f"{len(queries) - len(asked):,} queries without judgements do not count")
    dense = set(settings.modes) != {"bm25"}
    searcher = open_searcher(settings.index, dense, settings.rerank, settings.depth)
    if absent := _absent(asked, judged, searcher.index.documents):
        say(absent)
    modes = settings.modes or searcher.modes()
    texts = [query.text for query in asked]
    for line in cut_notes(searcher, texts, set(modes) != {"bm25"}):
        say(line)
    ranker, searcher.ranker = searcher.ranker, None
    runs = {mode: rankings_of(searcher, asked, mode) for mode in modes}
    if ranker is not None:
        searcher.ranker = ranker
        runs[f"{modes[-1]} + ranker"] = rankings_of(searcher, asked, modes[-1])
    if settings.out:
        lines = (
            json.dumps({"search": name, "query_id": query, "ranking": ranking})
            for name, run_of in runs.items()
            for query, ranking in run_of.items()
        )
        write_text(Path(settings.out), "\n".join(lines) + "\n")
    scored = [score_rankings(name, one, judged) for name, one in runs.items()]
    print_table(search_table(scored))
    return 0
