"""The loop of all group methods: sample, reward, advantage, update.

A run is a pure function of (settings, data, start, seed): interrupted and resumed, it
draws the same prompts and samples. Budgets are counted in updates; minutes only stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import Processors, Rollout
from nutgraf.backend import to_numpy
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.models.checkpoint import save_policy, weight_names
from nutgraf.rewards.base import Reward
from nutgraf.rl.learner import (
    Algorithm,
    Experience,
    gradient_of,
    micro_batches,
    scorer,
)
from nutgraf.rl.prompts import PromptSchedule
from nutgraf.rl.rollouts import rewarded, texts_of
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.training.log import MetricsLog
from nutgraf.training.optimizer import AdamW
from nutgraf.training.run_state import (
    RunState,
    latest_checkpoint,
    load_state,
    save_state,
)
from nutgraf.training.schedule import learning_rate
from nutgraf.training.step import add_gradients, apply_step

__all__ = ["RLTrainer"]

Watcher = Callable[[int, dict[str, float]], None]


class RLTrainer:
    """Improves a policy by a group method.

    Args:
        policy: the policy; its weights are the start and the reference of the KL.
        reward: the reward.
        algorithm: see `Algorithm`.
        settings: the settings.
        folder: run folder (`metrics.jsonl`, `checkpoints/`, model folder `last`), or
            None to keep nothing on disk.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        algorithm: Algorithm,
        settings: RLSettings,
        folder: Path | None = None,
    ) -> None:
        """Compile nothing yet."""
        self.policy = policy
        self.reward = reward
        self.algorithm = algorithm
        self.settings = settings
        self.folder = None if folder is None else Path(folder)
        self.processors = Processors(
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
        )
        first = int(algorithm.greedy_baseline)
        self.sampler = Sampler(
            policy,
            settings.samples + first,
            settings.length,
            self.processors,
            greedy=[True] * first + [False] * settings.samples,
        )
        self.optimizer = AdamW(beta2=0.99, weight_decay=settings.weight_decay)
        self._score = scorer(policy, self.processors)
        self._gradient = gradient_of(
            policy,
            algorithm,
            self.processors,
            settings.kl_weight,
            settings.supervised_weight,
        )
        self._add = add_gradients()
        self._apply = apply_step(self.optimizer, settings.clip_norm)
        self._names = weight_names(policy.variables)
        self._reference = to_numpy([variable.value for variable in policy.variables])

    def fit(
        self,
        rows: Sequence[Row],
        callbacks: Sequence[Any] = (),
        watch: Watcher | None = None,
        stop_after: float = math.inf,
    ) -> list[dict[str, float]]:
        """Train, from the newest checkpoint of the run folder if there is one.

        Args:
            rows: prompts with references.
            callbacks: Keras callbacks; `on_train_batch_end` gets each update's numbers.
            watch: called with the update's number and its numbers, for a live display.
            stop_after: seconds; then a checkpoint is written and the training stops.

        Returns:
            The numbers of each update done by this call.
        """
        state = self._start()
        schedule = self._schedule(rows)
        log = MetricsLog(self.folder, state.position["step"]) if self.folder else None
        deadline = time.monotonic() + stop_after
        history = []
        try:
            while state.position["step"] < self.settings.updates:
                state, record = self._update(state, rows, schedule)
                step = state.position["step"]
                history.append(record)
                for callback in callbacks:
                    callback.on_train_batch_end(step, record)
                if log is not None:
                    log.write(step, record)
                if watch is not None:
                    watch(step, record)
                late = time.monotonic() > deadline
                if late or step % self.settings.checkpoint_every == 0:
                    self._save(state)
                if late:
                    break
        finally:
            if log is not None:
                log.close()
            for variable, value in zip(
                self.policy.variables, state.values, strict=True
            ):
                variable.assign(value)
        if self.folder is not None and state.position["step"] >= self.settings.updates:
            self._save(state)
            save_policy(self.folder / "last", self.policy)
        return history

    def _schedule(self, rows: Sequence[Row]) -> PromptSchedule:
        codec = self.policy.codec
        encoded = codec.tokenizer.encode_batch([row.document for row in rows])
        top = codec.max_source
        bounds = sorted({min(top, bound) for bound in self.settings.source_bounds})
        if bounds[-1] < top:
            bounds.append(top)
        lengths = [len(ids) for ids in encoded]
        return PromptSchedule(
            lengths, self.settings.prompts, bounds, self.settings.seed
        )

    def _start(self) -> RunState:
        plain = asdict(self.settings)
        checkpoint = (
            None
            if self.folder is None
            else latest_checkpoint(self.folder / "checkpoints")
        )
        if checkpoint is not None:
            state = load_state(checkpoint, self._names)
            if state.position["settings"] != _jsonable(plain):
                raise ConfigError(
                    f"{self.folder} must be resumed with the settings it was started "
                    f"with. Received: {plain}, the checkpoint has "
                    f"{state.position['settings']}. Use another folder for a new run."
                )
            return state
        position = {"step": 0, "settings": _jsonable(plain)}
        return RunState(self._reference, self.optimizer.init(self._reference), position)

    def _save(self, state: RunState) -> None:
        if self.folder is not None:
            save_state(self.folder / "checkpoints", self._names, state)

    def _rollout(
        self, state: RunState, rows: Sequence[Row], schedule: PromptSchedule
    ) -> tuple[Rollout, dict[str, float]]:
        """Sample and reward the prompts of this update."""
        started = time.monotonic()
        step = state.position["step"]
        plan = schedule.plan(step)
        chosen = [rows[index] for index in plan.rows]
        batch = self.policy.codec.batch(chosen, plan.source_length)
        limit = self.settings.length
        batch = batch._replace(
            target_ids=_fit(batch.target_ids, limit),
            target_mask=_fit(batch.target_mask, limit),
        )
        rollout = self.sampler(state.values, batch, self.settings.seed, step)
        sampled = time.monotonic()
        texts = texts_of(self.policy, rollout)
        rollout = rewarded(rollout, texts, chosen, self.reward)
        return rollout, {
            "time/sample": sampled - started,
            "time/reward": time.monotonic() - sampled,
        }

    def _update(
        self, state: RunState, rows: Sequence[Row], schedule: PromptSchedule
    ) -> tuple[RunState, dict[str, float]]:
        """One rollout and its epochs of updates."""
        rollout, record = self._rollout(state, rows, schedule)
        started = time.monotonic()
        advantages = np.asarray(
            to_numpy(self.algorithm.advantages(rollout.rewards, rollout.valid))
        )
        first = int(self.algorithm.greedy_baseline)
        size = self.settings.micro_prompts or self.settings.prompts
        zeros = np.zeros_like(rollout.log_probs)
        parts = micro_batches(rollout, advantages, zeros, first, size)
        parts = [
            part._replace(ref_log_probs=self._score(self._reference, part))
            for part in parts
        ]
        for _ in range(self.settings.epochs):
            state, statistics, norm = self._step(state, parts)
        position = {**state.position, "step": state.position["step"] + 1}
        record["time/update"] = time.monotonic() - started
        record.update(_averages(statistics))
        record["train/gradient_norm"] = norm
        record.update(_rollout_numbers(rollout, first))
        seconds = sum(record[name] for name in record if name.startswith("time/"))
        record["time/tokens_per_second"] = float(rollout.mask.sum() / seconds)
        return RunState(state.values, state.optimizer, position), record

    def _step(
        self, state: RunState, parts: Sequence[Experience]
    ) -> tuple[RunState, list[Any], float]:
        """One update from all micro-batches."""
        count = np.float32(
            sum(
                float(to_numpy(self.algorithm.reduce(np.zeros_like(m), m)[1]))
                for m in (part.mask.astype("float32") for part in parts)
            )
        )
        supervised = np.float32(sum(part.batch.target_mask.sum() for part in parts))
        grads: Any = None
        statistics = []
        for part in parts:
            new, found = self._gradient(state.values, part, count, supervised)
            grads = new if grads is None else self._add(grads, new)
            statistics.append(to_numpy(found))
        rate = learning_rate(
            state.position["step"],
            peak=self.settings.learning_rate,
            warmup=self.settings.warmup,
            total=self.settings.updates,
            floor=0.1,
        )
        values, optimizer, norm = self._apply(
            state.values, state.optimizer, grads, np.float32(1.0), np.float32(rate)
        )
        state = RunState(values, optimizer, state.position)
        return state, statistics, float(to_numpy(norm))


def _jsonable(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
    }


def _fit(array: np.ndarray, length: int) -> np.ndarray:
    """Cut or pad the last axis with zeros to one length, so that one shape compiles."""
    cut = np.asarray(array)[:, :length]
    return np.pad(cut, [(0, 0), (0, length - cut.shape[1])])


def _averages(statistics: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Add (sum, count) pairs up over micro-batches, then divide."""
    found = {}
    for name in statistics[0]:
        total = sum(float(part[name][0]) for part in statistics)
        count = sum(float(part[name][1]) for part in statistics)
        found[name] = total / max(count, 1.0)
    # the RL loss carries the whole batch's count in each micro-batch
    found["loss/rl"] *= len(statistics)
    return found


def _rollout_numbers(rollout: Rollout, first: int) -> dict[str, float]:
    """Numbers of the samples themselves; `first` greedy ones are told apart."""
    valid = rollout.valid[:, first:]
    rewards = rollout.rewards[:, first:]
    counted = rewards[valid]
    lengths = rollout.mask[:, first:].sum(axis=-1)
    groups = np.where(valid, rewards, np.nan)
    numbers = {
        "reward/mean": float(counted.mean()) if counted.size else 0.0,
        "reward/spread": float(np.nanmean(np.nanstd(groups, axis=1)))
        if valid.any()
        else 0.0,
        "sample/length": float(lengths.mean()),
        "sample/truncated": float(rollout.truncated[:, first:].mean()),
        "sample/valid": float(valid.mean()),
    }
    for name, values in rollout.components.items():
        numbers[f"reward/{name}"] = float(values[:, first:][valid].mean())
    if first:
        numbers["reward/greedy"] = float(rollout.rewards[:, :first].mean())
    return numbers
