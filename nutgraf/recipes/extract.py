"""What training and RL of the task `extract` have of their own: model and windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras

from nutgraf.data.answer_spans import located_rows
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings, load_split
from nutgraf.models.bert import Bert
from nutgraf.models.bert_config import sized_bert_config
from nutgraf.models.span import SpanModel
from nutgraf.models.span_codec import SpanCodec
from nutgraf.models.span_folder import start_span_policy
from nutgraf.models.span_policy import SpanPolicy
from nutgraf.models.span_settings import WindowSettings
from nutgraf.recipes.run_tokenizer import run_tokenizer
from nutgraf.recipes.settings import TrainSettings
from nutgraf.text.bert_tokenizer import BertTokenizer

__all__ = ["span_policy", "window_rows"]


def window_rows(
    settings: DataSettings,
    codec: SpanCodec,
    split: str,
    report: Callable[[str], None] | None = None,
) -> Iterator[Row]:
    """Yield the rows of a split as windows, with the places of their answers.

    Args:
        settings: where the rows come from.
        codec: of the model.
        split: "train", "valid" or "test".
        report: called with each line a user should see.

    Returns:
        The windows; those that do not hold the answer have none.

    Raises:
        DataError: a row cannot be used, or its answer is not in its text, and
            `bad_rows` is "fail"; or a question leaves no room for its text.
    """
    rows = load_split(settings, split, report)
    return codec.cut(located_rows(rows, settings.bad_rows, report))


def span_policy(settings: TrainSettings, rows: Callable[[str], Any]) -> SpanPolicy:
    """Make the model that a training begins with.

    Args:
        settings: the settings.
        rows: split -> its rows.

    Returns:
        The start, with a new head where it has none; or a new BERT from the seed.

    Raises:
        ModelError: the start is no BERT.
        ConfigError: the windows are longer than it reads.
    """
    seed, windows = settings.training.seed, settings.windows
    if settings.model.start:
        given = None if windows == WindowSettings() else windows
        return start_span_policy(settings.model.start, given, seed)
    texts = (row.document for row in rows("train"))
    tokenizer = run_tokenizer(
        Path(settings.out),
        BertTokenizer,
        lambda: BertTokenizer.train(texts, settings.model.vocabulary_size),
    )
    config = sized_bert_config(
        settings.model,
        vocabulary_size=tokenizer.vocabulary_size,
        max_length=windows.length,
        dropout=settings.training.dropout,
    )
    keras.utils.set_random_seed(seed)
    return SpanPolicy(SpanModel(Bert(config)), SpanCodec(tokenizer, windows))
