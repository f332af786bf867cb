"""RL end to end: a trained model, rows, a reward, an algorithm, a better model.

The function behind `nutgraf rl`. A run folder is resumed when it exists. Rows stay on
disk: memory does not grow with the data.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.data.row_store import rows_on_disk
from nutgraf.data.rows import Row
from nutgraf.data.sources import data_files, load_split
from nutgraf.errors import ConfigError
from nutgraf.evaluation.extract import Extractor
from nutgraf.evaluation.texts import words_of
from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.mixed import mixed_precision
from nutgraf.models.span_folder import load_span_policy
from nutgraf.recipes.algorithms import make_recipe, read_options
from nutgraf.recipes.extract import window_rows
from nutgraf.recipes.guarding import guard_card, make_watch
from nutgraf.recipes.run_card import (
    refuse_other_rows,
    refuse_other_settings,
    rows_name,
    run_card,
)
from nutgraf.recipes.settings import ImproveSettings, RewardSettings
from nutgraf.recipes.shown import show_end
from nutgraf.rewards.base import Reward
from nutgraf.rewards.parse import parse_parts
from nutgraf.rewards.pool import PooledReward
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.rl.live import live_display
from nutgraf.rl.watch import unoptimised
from nutgraf.tasks.summarize import SUMMARIZE
from nutgraf.text.words import WordKind
from nutgraf.training.run_state import latest_checkpoint

__all__ = ["improve", "make_reward"]

MODELS = ("best", "last")
"""Model folders that a run writes."""

_FIRST = 100
"""Rows that tell what a word is."""
_COUNTED = 256
"""References that are counted to tell whether they fit."""
_CUT = 0.1
"""Share of them that may be cut untold."""


def make_reward(
    settings: RewardSettings = RewardSettings(),  # noqa: B008 - frozen
    words: WordKind = "english",
    seed: int = 0,
) -> Reward:
    """Build the reward of its settings.

    Args:
        settings: the settings; without parts, the reward of summaries.
        words: "english" or "cjk": what a word is.
        seed: of the random control.

    Returns:
        The reward.

    Raises:
        ConfigError: a name, an option or a weight is wrong.

    Example:
        >>> make_reward()(["It rains."], ["It rains."], [["It rains."]])
        [1.0]
    """
    if settings.parts == ("random",):
        return WeightedSum({"random": (RandomReward(seed), 1.0)})
    reward = parse_parts(settings.parts or SUMMARIZE.reward, words)
    if settings.processes:
        return PooledReward(reward, settings.processes)
    return reward


def improve(
    settings: ImproveSettings,
    report: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Improve a model by RL, or train it further as the control of RL.

    Args:
        settings: the settings.
        report: called with each line a user should see.
        callbacks: Keras callbacks; an update is an epoch of one batch.

    Returns:
        "updates" done in all, and the "first" and "last" records of this call, empty
        when nothing was left to do.

    Raises:
        ConfigError: a name is unknown, or the folder holds a run of other settings
            or rows.
        ModelError: the start is no model folder.
        DataError: the rows cannot be read.
    """
    folder = Path(settings.out)
    done = _check(settings, folder)
    extract = settings.task == "extract"
    with mixed_precision(settings.mixed_precision):
        policy = (load_span_policy if extract else load_policy)(settings.start)
    settings.rl.fitted(policy.codec.max_target)
    report(f"reading the rows of {settings.data.source}")
    found = load_split(settings.data, "train", report)
    if extract:
        found = window_rows(settings.data, policy.codec, "train", report)
    found = iter(found)
    first = list(itertools.islice(found, _FIRST))
    words = words_of(first)
    reward = make_reward(settings.reward, words, settings.rl.seed)
    with _closed(reward):
        recipe = make_recipe(  # which refuses options: before all rows are read
            settings.algorithm,
            policy,
            reward,
            settings.rl,
            options=settings.options,
            folder=folder,
        )
        with rows_on_disk(itertools.chain(first, found), folder) as rows:
            return _run(settings, recipe, policy, reward, rows, done, report, callbacks)


def _run(
    settings: ImproveSettings,
    recipe: Any,
    policy: Any,
    reward: Reward,
    rows: Sequence[Row],
    done: int,
    report: Callable[[str], None],
    callbacks: Sequence[Any],
) -> dict[str, Any]:
    """Take the updates that are left; see `improve`."""
    folder = Path(settings.out)
    words = words_of(rows[:_FIRST])
    data = rows_name(rows)
    refuse_other_rows(folder, data)
    card = {**run_card(settings, policy, data), "rows": len(rows)}
    write_json(folder / "run.json", card)
    total = settings.rl.updates
    report(
        f"{len(rows):,} prompts; {total:,} updates of {settings.rl.prompts} x "
        f"{settings.rl.samples} samples, words counted as {words}"
    )
    if cut := _cut_references(policy.codec, rows, settings.rl.length):
        report(cut)
    if done:
        report(f"goes on after update {done:,} of {total:,}")
    writer = Extractor(policy) if settings.task == "extract" else None
    guard = make_watch(settings, policy, rows, reward, words, report, writer)
    limit = settings.max_minutes * 60 or math.inf
    with live_display(settings.algorithm, total, done) as watch:
        records = recipe.fit(
            rows, callbacks, watch=watch, stop_after=limit, guard=guard
        )
    found = guard_card(guard) if guard else {}
    if guard:
        write_json(folder / "run.json", {**card, "guard": found})
    done += len(records)
    if guard and records:
        of_safe = found["weights_of"]
        show_end(folder, guard, policy, done if of_safe is None else of_safe)
    report(_outcome(records, done, total, folder, found))
    first, last = (records[0], records[-1]) if records else ({}, {})
    return {"updates": done, "first": first, "last": last}


def _cut_references(codec: Any, rows: Sequence[Row], length: int) -> str:
    """Tell that many references are longer than the samples may be; "" when few are."""
    some = rows[:: -(-len(rows) // _COUNTED) or 1]
    sizes = np.sort(codec.batch(some).target_mask.sum(axis=1)) if some else np.ones(1)
    share = (sizes > length).mean()
    if share <= _CUT:
        return ""
    enough = sizes[math.ceil((1 - _CUT) * len(sizes)) - 1]
    return (
        f"{share:.0%} of the references are longer than rl.length, {length} actions, "
        f"and are cut there; --rl.length {enough} cuts a tenth at most"
    )


def _closed(reward: Reward) -> contextlib.AbstractContextManager[Any]:
    """End a reward's processes with the run."""
    return reward if isinstance(reward, PooledReward) else contextlib.nullcontext()


def _check(settings: ImproveSettings, folder: Path) -> int:
    """Refuse what cannot work before anything slow; return the updates done before."""
    read_options(settings.algorithm, settings.options)
    make_reward(settings.reward)
    unoptimised(settings.guard.metrics)
    if Path(settings.start).resolve() in [(folder / n).resolve() for n in MODELS]:
        raise ConfigError(
            f"start must be a folder that the run does not write. Received: "
            f"{settings.start}, the model of the run {folder}. Give another `out`."
        )
    refuse_other_settings(folder, settings)
    data_files(settings.data)  # the guard's, too, which are read late
    checkpoint = latest_checkpoint(folder / "checkpoints")
    return 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])


def _outcome(
    records: Sequence[dict[str, float]],
    done: int,
    total: int,
    folder: Path,
    guard: dict[str, Any],
) -> str:
    """The last line of a run."""
    state = "finished" if done >= total else "stopped, run it again to go on,"
    if guard.get("ended"):
        state = "ended by the guard"
    if not records:
        return f"nothing was left to do: the run is {state}"
    line = f"{state} at update {done:,}; model in {folder / 'last'}"
    if guard.get("weights_of") is not None:
        line += f", with the weights of update {guard['weights_of']:,}"
    elif guard.get("best") is not None:
        line += f"; best safe look at update {guard['best']:,}, in {folder / 'best'}"
    name = "reward/mean" if "reward/mean" in records[0] else "loss/supervised"
    change = f"{records[0][name]:.3f} -> {records[-1][name]:.3f}"
    return f"{line}; {name.partition('/')[0]} {change}"
