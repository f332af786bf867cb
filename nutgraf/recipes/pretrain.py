"""Learning a language from plain documents: tokenizer, model, training, best model.

The function behind `nutgraf pretrain`. A run folder is resumed when it exists. What is
learned follows from the architecture: `OBJECTIVES` has a function for each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nutgraf.data.documents import documents_name
from nutgraf.errors import ModelError
from nutgraf.files import write_json
from nutgraf.models.build import new_policy, with_separator
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.pretrain_bert import masked_objective
from nutgraf.recipes.pretrain_rows import Report, pack_documents, texts_to_learn_from
from nutgraf.recipes.pretrain_settings import PretrainSettings
from nutgraf.recipes.run_card import (
    refuse_other_rows,
    refuse_other_settings,
    run_card,
)
from nutgraf.recipes.run_tokenizer import run_tokenizer
from nutgraf.text.tokenizer import Tokenizer
from nutgraf.training.epochs import EpochLoop
from nutgraf.training.estimate import machine_flops, step_flops
from nutgraf.training.language import LanguageTrainer
from nutgraf.training.log import read_metrics

__all__ = ["OBJECTIVES", "pretrain"]


def _language_model(settings: PretrainSettings, report: Report) -> Any:
    """The start as a language model, or a new one from the seed."""
    chosen = settings.model
    if not chosen.start:
        texts = texts_to_learn_from(settings, report)
        size, kind = chosen.vocabulary_size, chosen.tokenizer
        return new_policy(
            run_tokenizer(
                Path(settings.out),
                Tokenizer,
                lambda: Tokenizer.train(texts, size, kind),
            ),
            chosen.size,
            settings.training.seed,
            dropout=settings.training.dropout,
            **chosen.changes,
        )
    policy = load_policy(chosen.start)
    if policy.model.config.architecture != "decoder-only":
        raise ModelError(
            "model.start must be a decoder-only model. Received: "
            f"{chosen.start}, of the architecture {policy.model.config.architecture}. "
            "Give what `nutgraf pretrain` wrote, or leave it out for a new model."
        )
    return with_separator(policy, False)


def language_objective(
    settings: PretrainSettings, data: str, report: Report
) -> EpochLoop:
    """Make the trainer that predicts each next token.

    Args:
        settings: the settings.
        data: name of the documents, of `documents_name`.
        report: called with each line a user should see.

    Returns:
        The trainer.
    """
    policy = _language_model(settings, report)
    train, valid, batch = pack_documents(
        settings, policy.codec.tokenizer, policy.model.config.context, data, report
    )
    trainer = LanguageTrainer(
        policy, settings.training, Path(settings.out), train, valid, batch
    )
    seen = len(train) * train.length * settings.training.epochs
    flops = step_flops(policy.model.config, 0, seen)
    report(
        f"{train.documents:,} documents of {train.tokens:,} tokens in {len(train):,} "
        f"rows of {train.length}, {valid.documents:,} for validation; "
        f"{policy.model.count_params():,} weights; "
        f"{trainer.updates:,} updates, {flops:.3g} FLOPs, "
        f"{1 - train.tokens / max(1, len(train) * train.length):.0%} padding, about "
        f"{flops / (0.5 * machine_flops()) / 3600:.2g} hours on this machine"
    )
    return trainer


OBJECTIVES: dict[str, Callable[[PretrainSettings, str, Report], EpochLoop]] = {
    "decoder-only": language_objective,
    "bert": masked_objective,
}
"""Architecture -> the function that makes its trainer."""


def pretrain(
    settings: PretrainSettings,
    report: Report = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a model on documents.

    Args:
        settings: the settings.
        report: called with each line a user should see.
        callbacks: Keras callbacks.

    Returns:
        The position of the run at its end, with the numbers of the best validation.

    Raises:
        ConfigError: the folder holds a run of other documents or settings.
        ModelError: the start is of another architecture.
        DataError: the documents cannot be read, or there is none.
    """
    folder = Path(settings.out)
    refuse_other_settings(folder, settings)
    data = documents_name(settings.data)
    refuse_other_rows(folder, data)
    trainer = OBJECTIVES[settings.model.architecture](settings, data, report)
    card = run_card(settings, trainer.policy, data)
    cost = {"updates": trainer.updates}
    write_json(folder / "run.json", {**card, "estimate": cost})
    start = time.monotonic()
    position = trainer.run(callbacks, settings.max_minutes * 60 or math.inf)
    state = "finished" if position["finished"] else "stopped, resume to go on"
    found = _best(folder, position["best_step"])
    numbers = ", ".join(
        f"{name.replace('_', ' ')} {value:.3f}" for name, value in found.items()
    )
    report(
        f"{state} at update {position['step']:,} after "
        f"{time.monotonic() - start:,.0f} s; best validation at update "
        f"{position['best_step']:,}: {numbers or 'none'}"
    )
    return {**position, "best": found}


def _best(folder: Path, step: int) -> dict[str, float]:
    """What was measured at the best validation."""
    for record in read_metrics(folder):
        if record["step"] == step and "valid/loss" in record:
            found = {k.partition("/")[2]: v for k, v in record.items() if "/" in k}
            return found
    return {}
