"""Loads a ranker of any kind from its model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nutgraf.backend import assign
from nutgraf.errors import ModelError
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import BertConfig
from nutgraf.models.bert_folder import bert_path
from nutgraf.models.checkpoint import load_weights
from nutgraf.search.cross_encoder import CROSS_ENCODER, CrossEncoder
from nutgraf.search.dense import BiEncoder, load_bi_encoder
from nutgraf.search.ranker_folder import WEIGHTS, read_kind
from nutgraf.search.rescorer import RESCORER, Rescorer
from nutgraf.text.bert_tokenizer import BertTokenizer

__all__ = ["AnyRanker", "load_ranker"]

AnyRanker = Rescorer | CrossEncoder | BiEncoder


def load_ranker(
    folder: str | Path, temperature: float = 0.05, max_length: int = 0
) -> AnyRanker:
    """Load a ranker.

    Args:
        folder: of a rescorer, a cross-encoder, or of a BERT, which ranks by cosines.
        temperature: of a BERT's cosines.
        max_length: longest text that a BERT reads here, in tokens; 0 = as it has it.

    Returns:
        The ranker.

    Raises:
        ModelError: the folder holds no such model, or a torn one.
        DependencyError: the package of "minilm" is not installed.
    """
    path = bert_path(folder)
    kind, settings = read_kind(path)
    if kind not in ("", RESCORER, CROSS_ENCODER):
        raise ModelError(
            f"A ranker must be a rescorer, a cross-encoder or a BERT. Received: {path},"
            f" a {kind}. Use the version of nutgraf that wrote it."
        )
    if not kind:
        return load_bi_encoder(path, temperature, max_length)
    ranker = _bare(path, kind, settings)
    assign(ranker.variables, load_weights(path / WEIGHTS, ranker.variables))
    return ranker


def _bare(path: Path, kind: str, settings: dict[str, Any]) -> Rescorer | CrossEncoder:
    """The ranker of a folder, its weights those of the start."""
    try:
        if kind == RESCORER:
            width, rank = int(settings["width"]), int(settings["rank"])
            return Rescorer(width, str(settings["embedder"]), rank)
        bert = Bert(BertConfig(**settings["bert"]))
        tokenizer = BertTokenizer.load(path)
        return CrossEncoder(bert, tokenizer, int(settings["max_length"]))
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{path}/config.json must hold the settings of a ranker. Received: "
            f"{error!r}. Copy the whole model folder again."
        ) from error
