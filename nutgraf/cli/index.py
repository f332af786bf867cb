"""`nutgraf index FOLDER|FILE --out INDEX`: make texts searchable."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.ranges import check_ranges

__all__ = ["IndexSettings", "run"]

_RULE = (
    "Every row must have an id and a text, in the fields that --id_field and "
    "--text_field name"
)


@dataclass(frozen=True)
class IndexSettings:
    """Settings of `nutgraf index`."""

    path: Path
    """Folder of texts (.txt, .md) and jsonl files, or one such file. Needs no flag."""
    out: Path = Path("runs/index")
    """Index folder; an older index in it is replaced when the new one is whole."""
    dense: str = ""
    """Model for search by meaning: minilm, or the folder of a BERT or of a trained
    bi-encoder; "" = search by words only."""
    words: int = 150
    """Most words of a passage, into which texts are cut; 0 = leave them whole."""
    cut_rows: bool = False
    """Cut the texts of jsonl rows too."""
    stem: Literal["english", "none"] = "english"
    """Compare English words by their stem; Chinese is compared by characters and pairs
    of them in any case."""
    id_field: str = "id"
    """For jsonl: field with the id."""
    text_field: str = "text"
    """For jsonl: field with the text."""
    title_field: str = "title"
    """For jsonl: field with the title; rows may lack it."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """For jsonl: what to do with rows that cannot be used: stop, or leave them out."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, words=">= 0")


def _embedder(settings: IndexSettings) -> tuple[Any, str]:
    """The model of the vectors, and by what name it is found again."""
    if not settings.dense:
        return None, ""
    load_backend()
    from nutgraf.models.bert_folder import bert_path
    from nutgraf.search.dense import load_bi_encoder

    known = settings.dense == "minilm"
    name = settings.dense if known else str(bert_path(settings.dense).resolve())
    return load_bi_encoder(settings.dense), name


def run(argv: Sequence[str]) -> int:
    """Build an index, or go on with an interrupted build.

    Args:
        argv: arguments after `nutgraf index`.

    Returns:
        0.
    """
    settings = load_settings(
        IndexSettings,
        argv,
        prog="nutgraf index",
        description=(
            "Make texts searchable, by their words and, with --dense, by their "
            "meaning. Interrupted, the same command goes on; an older index stays "
            "usable until the new one is whole."
        ),
        examples=[
            "nutgraf index letters/ --out runs/letters",
            "nutgraf index news.jsonl --text_field article --dense minilm",
        ],
        positional=["path"],
    )
    from nutgraf.search.cut import count_cut
    from nutgraf.search.documents import read_collection
    from nutgraf.search.index_folder import build_index
    from nutgraf.tasks.search import DocumentFields
    from nutgraf.training.log import progress_bar

    log = BadRowLog(settings.bad_rows, rule=_RULE)
    fields = DocumentFields(
        settings.id_field, settings.text_field, settings.title_field
    )
    documents = list(
        read_collection(settings.path, fields, settings.words, settings.cut_rows, log)
    )
    embedder, model = _embedder(settings)
    total = len(documents)
    bar: Any = (
        progress_bar("embedding", total) if embedder else contextlib.nullcontext()
    )
    with bar as advance:
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            advance(count - done, "")
            done = count

        built = build_index(
            settings.out, documents, embedder, settings.stem, model, tell
        )
    log.tell(say)
    if embedder:
        contents = (document.content for document in documents)
        cut = count_cut(embedder, contents, embedder.window)
        if cut:
            say(
                f"{cut:,} of {total:,} documents were cut: the model reads the first "
                f"{embedder.window:,} tokens; their words are all searched"
            )
    kinds = "words and meaning" if embedder else "words"
    say(f"{built.documents:,} documents in {settings.out}, searchable by {kinds}")
    return 0
