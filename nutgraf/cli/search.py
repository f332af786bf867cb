"""`nutgraf search QUERY --index INDEX`: the documents that answer it best."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

__all__ = ["SearchSettings", "open_searcher", "run"]

_SNIPPET = 160
"""Characters of a document that are shown."""


@dataclass(frozen=True)
class SearchSettings:
    """Settings of `nutgraf search`."""

    query: str
    """What is asked, in quotes. Needs no flag."""
    index: Path = Path("runs/index")
    """Folder that `nutgraf index` wrote."""
    mode: Literal["auto", "bm25", "dense", "hybrid"] = "auto"
    """Compare words (bm25), meanings (dense), or both (hybrid); auto = hybrid where the
    index has a model, else bm25."""
    rerank: str = ""
    """Model folder of a ranker, or minilm, that ranks the first documents again."""
    depth: int = 20
    """Documents that are ranked again."""
    top: int = 10
    """Most documents that are shown."""
    json: bool = False
    """Print one JSON object per document, its whole text included."""

    def __post_init__(self) -> None:
        """Check the ranges, and that something is asked."""
        check_ranges(self, depth=">= 1", top=">= 1")
        if not self.query.strip():
            raise ConfigError(
                f"query must hold at least one word. Received: {self.query!r}. Ask for "
                'something: nutgraf search "wing in a slipstream".'
            )


def open_searcher(index: Path, dense: bool, rerank: str = "", depth: int = 20) -> Any:
    """Open an index with the models that a search needs.

    Args:
        index: the index folder.
        dense: whether meanings are compared; where the index has no model, its words
            are all there is.
        rerank: model folder of a ranker; "" = none.
        depth: documents that it ranks again.

    Returns:
        A `nutgraf.search.searcher.Searcher`.
    """
    from nutgraf.search.index_folder import open_index
    from nutgraf.search.searcher import Searcher

    opened = open_index(index)
    embedder = ranker = None
    if rerank or (dense and opened.manifest.model):
        load_backend()
    if opened.manifest.model and (dense or rerank):
        from nutgraf.search.dense import load_bi_encoder

        embedder = load_bi_encoder(opened.manifest.model)
    if rerank:
        from nutgraf.search.rankers import load_ranker

        ranker = load_ranker(rerank)
    return Searcher(opened, embedder, ranker, depth)


def _show(settings: SearchSettings, hits: Sequence[Any]) -> None:
    for rank, hit in enumerate(hits, 1):
        document = hit.document
        if settings.json:
            found = {"rank": rank, "score": hit.score, **document._asdict()}
            say(json_format.dumps(found, ensure_ascii=False))
            continue
        say(f"{rank:>2}. {document.id}  ({hit.score:.3f})")
        text = " ".join(document.content.split())
        say(f"    {text[:_SNIPPET]}{'…' if len(text) > _SNIPPET else ''}")


def run(argv: Sequence[str]) -> int:
    """Search.

    Args:
        argv: arguments after `nutgraf search`.

    Returns:
        0.
    """
    settings = load_settings(
        SearchSettings,
        argv,
        prog="nutgraf search",
        description="Find the documents of an index that answer a query best.",
        examples=[
            'nutgraf search "lift of a wing in a slipstream" --index runs/letters',
            'nutgraf search "heat shields" --mode bm25 --top 3 --json',
            'nutgraf search "heat shields" --rerank runs/search/best',
        ],
        positional=["query"],
    )
    from nutgraf.search.cut import cut_notes

    searcher = open_searcher(
        settings.index, settings.mode != "bm25", settings.rerank, settings.depth
    )
    mode = searcher.modes()[-1] if settings.mode == "auto" else settings.mode
    for line in cut_notes(searcher, [settings.query], mode != "bm25"):
        sys.stderr.write(line + "\n")
    hits = searcher.search(settings.query, mode, settings.top)
    _show(settings, hits)
    if not hits:
        sys.stderr.write("no document has a word of the query\n")
    return 0
