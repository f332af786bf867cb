"""What `nutgraf pretrain` does for a BERT: hidden words, whole ones, of plain text."""

from __future__ import annotations

import functools
from pathlib import Path

import keras

from nutgraf.data.packed import packed_batches
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import sized_bert_config
from nutgraf.models.masked_language import MaskedLanguageModel, load_masked_model
from nutgraf.recipes.pretrain_rows import Report, pack_documents, texts_to_learn_from
from nutgraf.recipes.pretrain_settings import PretrainSettings
from nutgraf.recipes.run_tokenizer import run_tokenizer
from nutgraf.text.bert_tokenizer import BertTokenizer
from nutgraf.training.hidden_words import (
    HiddenWordsTrainer,
    MaskedLearner,
    masked_pieces,
)

__all__ = ["masked_objective"]


def _learner(settings: PretrainSettings, report: Report) -> MaskedLearner:
    """The start, or a new model from the seed."""
    chosen = settings.model
    if chosen.start:
        return MaskedLearner(*load_masked_model(chosen.start))
    texts = texts_to_learn_from(settings, report)
    tokenizer = run_tokenizer(
        Path(settings.out),
        BertTokenizer,
        lambda: BertTokenizer.train(texts, chosen.vocabulary_size, chosen.lower),
    )
    config = sized_bert_config(
        chosen,
        vocabulary_size=tokenizer.vocabulary_size,
        max_length=chosen.max_length,
        dropout=settings.training.dropout,
    )
    keras.utils.set_random_seed(settings.training.seed)
    return MaskedLearner(MaskedLanguageModel(Bert(config)), tokenizer)


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
    train, valid, batch = pack_documents(
        settings,
        learner.tokenizer,
        min(settings.model.max_length, learner.model.config.max_length),
        f"{data}|bert",
        report,
        functools.partial(masked_pieces, learner.tokenizer),
    )
    batches = len(packed_batches(train, batch, 0, 0))
    updates = -(-batches // settings.training.accumulate)
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
        batch,
        settings.model.hidden_share,
    )
