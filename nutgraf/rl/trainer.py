"""The update of all group methods: sample, reward, advantage, gradient."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import Batch, Processors, Rollout
from nutgraf.backend import to_numpy, to_tensor
from nutgraf.data.rows import Row
from nutgraf.rewards.base import Reward
from nutgraf.rl.learner import (
    Algorithm,
    Experience,
    gradient_of,
    micro_batches,
    scorer,
)
from nutgraf.rl.loop import UpdateLoop
from nutgraf.rl.rollouts import rewarded, texts_of
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.training.run_state import RunState
from nutgraf.training.step import add_gradients

__all__ = ["RLTrainer"]


class RLTrainer(UpdateLoop):
    """Improves a policy by a group method.

    Args:
        policy: the policy; its weights are the start and the reference of the KL.
        reward: the reward.
        algorithm: see `Algorithm`.
        settings: the settings.
        folder: run folder, see `UpdateLoop`, or None to keep nothing on disk.
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
        super().__init__(policy, settings, settings.prompts, folder)
        self.reward = reward
        self.algorithm = algorithm
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
        self._score = scorer(policy, self.processors)
        self._gradient = gradient_of(
            policy,
            algorithm,
            self.processors,
            settings.kl_weight,
            settings.supervised_weight,
        )
        self._add = add_gradients()
        self._reference = [to_tensor(value) for value in self.start]

    def update(
        self, state: RunState, rows: Sequence[Row], batch: Batch
    ) -> tuple[RunState, dict[str, float]]:
        """Take one rollout and its epochs of updates; see `UpdateLoop.update`.

        Args:
            state: weights, optimiser and position before it.
            rows: its rows.
            batch: the same as arrays.

        Returns:
            The state after it, position unchanged, and the numbers to log.
        """
        rollout, record = self._rollout(state, rows, batch)
        started = time.monotonic()
        parts = self._experience(rollout)
        for _ in range(self.settings.epochs):
            state, statistics, norm = self._epoch(state, parts)
        record["time/update"] = time.monotonic() - started
        record.update(_averages(statistics))
        record["train/gradient_norm"] = norm
        record.update(_rollout_numbers(rollout, int(self.algorithm.greedy_baseline)))
        seconds = sum(record[name] for name in record if name.startswith("time/"))
        record["time/tokens_per_second"] = float(rollout.mask.sum() / seconds)
        return state, record

    def _rollout(
        self, state: RunState, rows: Sequence[Row], batch: Batch
    ) -> tuple[Rollout, dict[str, float]]:
        """Sample and reward the prompts of this update."""
        started = time.monotonic()
        step = state.position["step"]
        rollout = self.sampler(state.values, batch, self.settings.seed, step)
        sampled = time.monotonic()
        texts = texts_of(self.policy, rollout)
        rollout = rewarded(rollout, texts, rows, self.reward)
        return rollout, {
            "time/sample": sampled - started,
            "time/reward": time.monotonic() - sampled,
        }

    def _experience(self, rollout: Rollout) -> list[Experience]:
        """Split a rollout into micro-batches with advantages and reference scores."""
        advantages = to_numpy(self.algorithm.advantages(rollout.rewards, rollout.valid))
        first = int(self.algorithm.greedy_baseline)
        size = self.settings.micro_prompts or self.settings.prompts
        zeros = np.zeros_like(rollout.log_probs)
        return [
            part._replace(ref_log_probs=self._score(self._reference, part))
            for part in micro_batches(rollout, advantages, zeros, first, size)
        ]

    def _epoch(
        self, state: RunState, parts: Sequence[Experience]
    ) -> tuple[RunState, list[Any], float]:
        """One step of the optimiser from all micro-batches."""
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
        state, norm = self.descend(state, grads)
        return state, statistics, norm


def _averages(statistics: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Add (sum, count) pairs up over micro-batches, then divide."""
    found = {}
    for name in statistics[0]:
        total = sum(float(part[name][0]) for part in statistics)
        count = sum(float(part[name][1]) for part in statistics)
        found[name] = total / max(count, 1.0)
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
