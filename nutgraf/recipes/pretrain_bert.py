"""What `nutgraf pretrain` does for a BERT: hidden words, whole ones, of plain text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import keras

from nutgraf.data.documents import load_documents
from nutgraf.data.packed import PackedTokens, build_packed, packed_batches
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import sized_bert_config
from nutgraf.models.masked_language import MaskedLanguageModel, load_masked_model
from nutgraf.recipes.pretrain_settings import PretrainSettings
from nutgraf.text.bert_tokenizer import BertTokenizer
from nutgraf.training.hidden_words import (
    HiddenWordsTrainer,
    MaskedLearner,
    masked_pieces,
)
from nutgraf.training.run_state import latest_checkpoint

__all__ = ["masked_objective"]

Report = Callable[[str], None]


def _tokenizer(settings: PretrainSettings, report: Report) -> BertTokenizer:
    """The run's tokenizer; one that no checkpoint relies on yet is trained anew."""
    folder = Path(settings.out)
    if latest_checkpoint(folder / "checkpoints") is not None:
        return BertTokenizer.load(folder)
    report("learning the word pieces")
    texts = (row.document for row in load_documents(settings.data, "train", report))
    tokenizer = BertTokenizer.train(
        texts, settings.model.vocabulary_size, settings.model.lower
    )
    tokenizer.save(folder)
    return tokenizer


def _learner(settings: PretrainSettings, report: Report) -> MaskedLearner:
    """The start, or a new model from the seed."""
    if settings.model.start:
        return MaskedLearner(*load_masked_model(settings.model.start))
    tokenizer = _tokenizer(settings, report)
    config = sized_bert_config(
        settings.model,
        vocabulary_size=tokenizer.vocabulary_size,
        max_length=settings.model.max_length,
        dropout=settings.training.dropout,
    )
    keras.utils.set_random_seed(settings.training.seed)
    return MaskedLearner(MaskedLanguageModel(Bert(config)), tokenizer)


def _packed(
    settings: PretrainSettings,
    split: str,
    data: str,
    learner: MaskedLearner,
    report: Report,
) -> PackedTokens:
    return build_packed(
        load_documents(settings.data, split, report),
        learner.tokenizer,
        Path(settings.out) / "cache",
        min(settings.model.max_length, learner.model.config.max_length),
        f"{data}|{split}|bert",
        functools.partial(masked_pieces, learner.tokenizer),
    )


def masked_objective(
    settings: PretrainSettings, data: str, report: Report
) -> HiddenWordsTrainer:
    """Make the trainer that tells hidden words.

    Args:
        settings: the settings.
        data: name of the documents, of `documents_name`.
        report: called with each line a user should see.

    Returns:
        The trainer.

    Raises:
        ModelError: the start is no BERT.
    """
    learner = _learner(settings, report)
    report(f"packing the documents into rows; kept in {Path(settings.out) / 'cache'}")
    train, valid = (
        _packed(settings, split, data, learner, report) for split in ("train", "valid")
    )
    rows = max(1, settings.tokens_per_batch // train.length)
    updates = -(-len(packed_batches(train, rows, 0, 0)) // settings.training.accumulate)
    report(
        f"{train.documents:,} documents in {len(train):,} rows of {train.length} word "
        f"pieces, {valid.documents:,} for validation; "
        f"{learner.model.count_params():,} weights; "
        f"{updates * settings.training.epochs:,} updates"
    )
    return HiddenWordsTrainer(
        learner,
        settings.training,
        Path(settings.out),
        train,
        valid,
        rows,
        settings.model.hidden_share,
    )
