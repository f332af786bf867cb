"""Model folders of what finds answers: a BERT, a span head, and how it reads windows.

The form of a Hugging Face `BertForQuestionAnswering` with one more file, windows.json.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.span import KERNEL, SpanModel, load_span_model, save_span_model
from nutgraf.models.span_codec import SpanCodec
from nutgraf.models.span_settings import WindowSettings

if TYPE_CHECKING:
    from nutgraf.models.span_policy import SpanPolicy

__all__ = ["load_span_policy", "save_span_folder", "start_span_policy"]

WINDOWS = "windows.json"


def save_span_folder(
    folder: str | Path,
    model: SpanModel,
    codec: SpanCodec,
    values: list[np.ndarray] | None = None,
    card: dict[str, Any] | None = None,
) -> None:
    """Write a model folder in one piece.

    Args:
        folder: the folder; an older one is replaced when the new one is whole.
        model: the model.
        codec: its tokenizer and windows are written.
        values: weights to save in place of the model's own.
        card: run card, stored beside the model.
    """
    from nutgraf.backend import assign, to_numpy

    files = {WINDOWS: asdict(codec.windows)}
    variables = model.trainable_variables
    before = to_numpy([variable.value for variable in variables])
    try:
        if values is not None:
            assign(variables, values)
        save_span_model(folder, model, codec.tokenizer, card, files)
    finally:
        if values is not None:
            assign(variables, before)


def _read_windows(folder: Path) -> WindowSettings | None:
    """The windows of a folder; None where there is no such file."""
    path = folder / WINDOWS
    if not path.is_file():
        return None
    try:
        return WindowSettings(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, ConfigError) as error:
        raise ModelError(
            f"{path} must hold length, overlap and answer. Received: {error}. Copy the "
            "whole model folder again."
        ) from error


def _policy(
    model: SpanModel, tokenizer: Any, folder: Path, windows: WindowSettings | None
) -> SpanPolicy:
    from nutgraf.models.span_policy import SpanPolicy

    longest = model.config.max_length
    chosen = windows or _read_windows(folder)
    chosen = chosen or WindowSettings(min(WindowSettings.length, longest))
    return SpanPolicy(model, SpanCodec(tokenizer, chosen.fitted(longest)))


def load_span_policy(
    folder: str | Path, windows: WindowSettings | None = None
) -> SpanPolicy:
    """Load a model that finds answers.

    Args:
        folder: a model folder, ours or of a Hugging Face `BertForQuestionAnswering`.
        windows: how texts are cut; None = as the folder has it.

    Returns:
        The policy, its weights float32.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
        ConfigError: the windows are longer than the model reads.
    """
    model, tokenizer = load_span_model(folder)
    return _policy(model, tokenizer, Path(folder), windows)


def start_span_policy(
    folder: str | Path, windows: WindowSettings | None = None, seed: int = 0
) -> SpanPolicy:
    """Load a BERT to be trained to find answers; a head is made where it has none.

    Args:
        folder: a model folder of a BERT, with or without a span head, or "minilm".
        windows: how texts are cut; None = as the folder has it.
        seed: of a new head.

    Returns:
        The policy.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
        ConfigError: the windows are longer than the model reads.
    """
    import keras

    from nutgraf.models.bert_folder import load_bert

    loaded = load_bert(folder)
    if KERNEL in loaded.extra:
        return load_span_policy(loaded.path, windows)
    keras.utils.set_random_seed(seed)
    return _policy(SpanModel(loaded.model), loaded.tokenizer, loaded.path, windows)
