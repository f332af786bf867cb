"""The tokenizer of a run: learned once, then read from the run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nutgraf.text.bert_tokenizer import BertTokenizer
from nutgraf.text.tokenizer import Tokenizer
from nutgraf.training.run_state import latest_checkpoint

__all__ = ["run_tokenizer"]

AnyTokenizer = TypeVar("AnyTokenizer", Tokenizer, BertTokenizer)


def run_tokenizer(
    folder: Path, kind: type[AnyTokenizer], learn: Callable[[], AnyTokenizer]
) -> AnyTokenizer:
    """Return the tokenizer of a run; one that no checkpoint relies on is learned anew.

    Args:
        folder: run folder, where the tokenizer is kept.
        kind: class of the tokenizer.
        learn: learns one.

    Returns:
        The tokenizer.
    """
    if latest_checkpoint(folder / "checkpoints") is not None:
        return kind.load(folder)
    tokenizer = learn()
    tokenizer.save(folder)
    return tokenizer
