"""Word pieces over bytes: how a vocabulary is learned, and the pipeline around it.

Every text is first written as UTF-8 bytes, each byte as one letter, so none is unknown,
and cut into words, numbers and signs. No piece holds a bracket and letters, so no text
can give the special tokens `<pad>`, `<bos>` and `<eos>`, which are plain entries.

BPE merges the commonest pair again and again: Sennrich et al. 2016, "Neural Machine
Translation of Rare Words with Subword Units", arXiv 1508.07909; Radford et al. 2019
(byte level). Unigram begins with many pieces and drops those that the likelihood of the
texts misses least, then cuts a text where it is likeliest: Kudo 2018, "Subword
Regularization", section 3.2, arXiv 1804.10959. Both are the trainers of Hugging Face
tokenizers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import tokenizers

__all__ = ["SPECIAL_TOKENS", "PieceKind", "learn_pieces", "model_of"]

PieceKind = Literal["bpe", "unigram"]
SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>")


def _pipeline(model: Any) -> tokenizers.Tokenizer:
    """Build the byte-level pipeline around a model."""
    from tokenizers import Tokenizer as Pieces
    from tokenizers import decoders, pre_tokenizers

    pieces = Pieces(model)
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    return pieces


def model_of(pieces: tokenizers.Tokenizer) -> dict[str, Any]:
    """Return the model inside a pipeline: its type, vocabulary and merges or scores.

    Args:
        pieces: the pipeline.

    Returns:
        What its JSON holds.
    """
    found: dict[str, Any] = json.loads(pieces.to_str())["model"]
    return found


def learn_pieces(
    texts: Iterator[str], vocabulary_size: int, kind: PieceKind
) -> tokenizers.Tokenizer:
    """Learn a vocabulary, the special tokens its first entries.

    Args:
        texts: training texts, read once.
        vocabulary_size: most entries, the special tokens and all bytes among them.
        kind: "bpe" or "unigram".

    Returns:
        The pipeline; the special tokens are plain entries of its vocabulary.
    """
    from tokenizers import models, pre_tokenizers, trainers

    settings: dict[str, Any] = {
        "vocab_size": vocabulary_size,
        "special_tokens": list(SPECIAL_TOKENS),
        "initial_alphabet": sorted(pre_tokenizers.ByteLevel.alphabet()),
        "show_progress": False,
    }
    # The trainers mark the special tokens to be found in texts; a pipeline made anew
    # from the model knows them as plain entries only.
    if kind == "unigram":
        pieces = _pipeline(models.Unigram())
        pieces.train_from_iterator(texts, trainer=trainers.UnigramTrainer(**settings))
        vocabulary = [(piece, score) for piece, score in model_of(pieces)["vocab"]]
        return _pipeline(models.Unigram(vocabulary))
    pieces = _pipeline(models.BPE())
    trainer = trainers.BpeTrainer(min_frequency=2, **settings)
    pieces.train_from_iterator(texts, trainer=trainer)
    model = model_of(pieces)
    merges = [(left, right) for left, right in model["merges"]]
    return _pipeline(models.BPE(vocab=model["vocab"], merges=merges))
