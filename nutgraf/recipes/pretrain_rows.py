"""What is read in pretraining: texts for the word pieces, documents in packed rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nutgraf.data.documents import load_documents
from nutgraf.data.packed import Cut, PackedTokens, build_packed, language_pieces
from nutgraf.recipes.pretrain_settings import PretrainSettings

__all__ = ["PackedRows", "Report", "pack_documents", "texts_to_learn_from"]

Report = Callable[[str], None]


def texts_to_learn_from(settings: PretrainSettings, report: Report) -> Iterator[str]:
    """Yield what the word pieces of a new tokenizer are learned from.

    Args:
        settings: the settings.
        report: called with each line a user should see.

    Yields:
        The training documents.
    """
    report("learning the word pieces")
    for row in load_documents(settings.data, "train", report):
        yield row.document


class PackedRows(NamedTuple):
    """Documents in rows of equal length.

    Attributes:
        train: the training documents.
        valid: the validation documents.
        batch: rows of a batch.
    """

    train: PackedTokens
    valid: PackedTokens
    batch: int


def pack_documents(
    settings: PretrainSettings,
    tokenizer: Any,
    length: int,
    name: str,
    report: Report,
    cut: Cut = language_pieces,
) -> PackedRows:
    """Tokenise and pack the documents, or open what was packed before.

    Args:
        settings: the settings.
        tokenizer: of the model.
        length: L >= 2, tokens of a row.
        name: what the documents are, and how they are cut.
        report: called with each line a user should see.
        cut: from the ids of a document and the length to the pieces that are packed.

    Returns:
        The rows.
    """
    folder = Path(settings.out) / "cache"
    report(f"packing the documents into rows; kept in {folder}")
    train, valid = (
        build_packed(
            load_documents(settings.data, split, report),
            tokenizer,
            folder,
            length,
            f"{name}|{split}",
            cut,
        )
        for split in ("train", "valid")
    )
    return PackedRows(train, valid, max(1, settings.tokens_per_batch // length))
