"""Supervised training end to end: rows, tokenizer, model, training, best model.

The function behind `nutgraf train`. A run folder is resumed when it exists.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.data.batches import choose_shapes, epoch_batches, padding_share
from nutgraf.data.cache import TokenCache, build_cache
from nutgraf.data.rows import Row
from nutgraf.data.sources import data_name, load_split
from nutgraf.evaluation.extract import Extractor
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import score_texts
from nutgraf.evaluation.texts import words_of
from nutgraf.files import write_json
from nutgraf.models.bert_config import BertConfig
from nutgraf.models.build import new_policy, with_separator
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.config import ModelConfig
from nutgraf.models.mixed import mixed_precision
from nutgraf.recipes.extract import span_policy, window_rows
from nutgraf.recipes.run_card import (
    refuse_other_rows,
    refuse_other_settings,
    run_card,
)
from nutgraf.recipes.run_tokenizer import run_tokenizer
from nutgraf.recipes.settings import ModelSettings, TrainSettings
from nutgraf.recipes.shown import show_attention, show_texts
from nutgraf.tasks.names import task_of
from nutgraf.tasks.task import Task
from nutgraf.text.tokenizer import Tokenizer
from nutgraf.training.estimate import machine_flops, step_flops
from nutgraf.training.supervised import SupervisedTrainer

__all__ = ["train", "train_tokenizer"]


def train_tokenizer(chosen: ModelSettings, rows: Iterable[Row]) -> Tokenizer:
    """Learn the word pieces of a new model.

    Args:
        chosen: how many, and of which kind.
        rows: training rows, of which documents and first references are read.

    Returns:
        The tokenizer.
    """

    def texts() -> Iterator[str]:
        for row in rows:
            yield row.document
            yield from row.references[:1]

    return Tokenizer.train(texts(), chosen.vocabulary_size, chosen.tokenizer)


def _policy(settings: TrainSettings, folder: Path, rows: Any) -> Any:
    """The start model, or a new one from the seed."""
    if settings.task == "extract":
        return span_policy(settings, rows)
    chosen = settings.model
    if chosen.start:
        policy = with_separator(load_policy(chosen.start), True)
        settings.check_room(policy.codec.max_source, policy.codec.max_target)
        return policy
    return new_policy(
        run_tokenizer(
            folder, Tokenizer, lambda: train_tokenizer(chosen, rows("train"))
        ),
        chosen.size,
        settings.training.seed,
        dropout=settings.training.dropout,
        **chosen.changes,
    )


def _sample_metrics(
    policy: Any, rows: Sequence[Row], folder: Path, task: Task
) -> Callable[..., Any] | None:
    """Scores of greedy texts of some validation rows, a few of them kept."""
    if not rows:
        return None
    generator = Extractor(policy) if task.name == "extract" else Generator(policy)
    words = words_of(rows)

    def measure(policy: Any) -> dict[str, float]:
        texts = generator(rows)
        show_texts(folder, rows, texts, "newest validation")
        show_attention(folder, policy, rows[0], texts[0])
        found = score_texts(rows, texts, words, task=task).means()
        return {f"valid/{name}": found[name] for name in task.validation}

    return measure


def estimate(
    config: ModelConfig | BertConfig,
    cache: TokenCache,
    shapes: Sequence[Any],
    epochs: int,
    accumulate: int = 1,
    reads: int = 1,
) -> dict[str, float]:
    """Return what the training will take.

    Args:
        config: the model.
        cache: training rows.
        shapes: batch shapes.
        epochs: passes.
        accumulate: batches of an update.
        reads: how often a batch is read: 2 with R-Drop.

    Returns:
        updates and FLOPs of the whole run, the share of padding, and the hours at half
        of this machine's matrix-product rate.
    """
    plans = epoch_batches(cache, shapes, 0, 0)
    flops = (
        epochs
        * reads
        * sum(
            step_flops(
                config,
                plan.shape.rows * plan.shape.source,
                plan.shape.rows * plan.shape.target,
            )
            for plan in plans
        )
    )
    return {
        "updates": float(-(-len(plans) // accumulate) * epochs),
        "flops": flops,
        "padding_share": padding_share(cache, plans),
        "hours": flops / (0.5 * machine_flops()) / 3600,
    }


def train(
    settings: TrainSettings,
    report: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a model from rows.

    Args:
        settings: the settings.
        report: called with each line a user should see.
        callbacks: Keras callbacks.

    Returns:
        The position of the run at its end, with the estimate it was started with.

    Raises:
        ConfigError: the folder holds a run of other rows or settings.
    """
    folder = Path(settings.out)
    said = functools.cache(report)  # once each, however often rows are read
    rows = functools.partial(load_split, settings.data, report=said)
    refuse_other_settings(folder, settings)
    data = data_name(settings.data)
    refuse_other_rows(folder, data)
    with mixed_precision(settings.mixed_precision):
        policy = _policy(settings, folder, rows)
    config, codec = policy.model.config, policy.codec
    report(f"reading the rows; as tokens they are kept in {folder / 'cache'}")
    cache, valid = _caches(settings, codec, data, rows, said)
    shapes = choose_shapes(
        cache.source_lengths,
        cache.target_lengths,
        codec.max_source,
        codec.max_target,
        settings.tokens_per_batch,
        settings.num_shapes,
    )
    training, reads = settings.training, 2 if settings.training.r_drop else 1
    cost = estimate(config, cache, shapes, training.epochs, training.accumulate, reads)
    report(
        f"{len(cache):,} training rows, {len(valid):,} validation rows, "
        f"{policy.model.count_params():,} weights; {cost['updates']:,.0f} updates, "
        f"{cost['flops']:.3g} FLOPs, {cost['padding_share']:.0%} padding, about "
        f"{cost['hours']:.2g} hours on this machine"
    )
    sample = _sample_rows(settings, rows)
    metrics = _sample_metrics(policy, sample, folder, task_of(settings.task))
    asked = bool(settings.data.question_field)
    trainer = SupervisedTrainer(
        policy, training, folder, shapes, metrics, settings.augment, asked
    )
    card = {**run_card(settings, policy, data), "estimate": cost}
    write_json(folder / "run.json", card)
    start = time.monotonic()
    limit = settings.max_minutes * 60 or math.inf
    position = trainer.fit(cache, valid, callbacks, stop_after=limit)
    state = "finished" if position["finished"] else "stopped, resume to go on"
    report(
        f"{state} at update {position['step']:,} after "
        f"{time.monotonic() - start:,.0f} s; best validation loss "
        f"{position['best_loss']} at update {position['best_step']:,}"
    )
    return {**position, "estimate": cost}


def _caches(
    settings: TrainSettings,
    codec: Any,
    data: str,
    rows: Callable[..., Any],
    report: Callable[[str], None],
) -> list[TokenCache]:
    """Training and validation rows as tokens; to extract from, as windows."""
    encode = None
    if settings.task == "extract":
        rows = functools.partial(window_rows, settings.data, codec, report=report)
        encode, data = codec.encode, f"{data}|{codec.fingerprint}"
    return [
        build_cache(
            rows(split),
            codec.tokenizer,
            Path(settings.out) / "cache",
            codec.max_source,
            codec.max_target,
            f"{data}|{split}",
            encode,
        )
        for split in ("train", "valid")
    ]


def _sample_rows(settings: TrainSettings, rows: Callable[..., Any]) -> list[Row]:
    """A fixed sample of validation rows."""
    if not settings.sample_rows:
        return []
    valid = list(rows("valid"))
    random = np.random.default_rng(0)
    chosen = random.permutation(len(valid))[: settings.sample_rows]
    return [valid[index] for index in sorted(chosen)]
