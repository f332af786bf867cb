"""The update of all algorithms: sample, reward, estimate, gradient."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import Processors, Rollout
from nutgraf.backend import to_numpy, to_tensor
from nutgraf.errors import ConfigError
from nutgraf.objectives.importance import truncated_importance_weights
from nutgraf.objectives.overlong import soft_overlong_penalty
from nutgraf.rewards.base import Reward
from nutgraf.rewards.identity import identity_of
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.critic import Critic
from nutgraf.rl.experience import experience_of, packed, split
from nutgraf.rl.learner import Counts, Weights, gradient_of, scorer
from nutgraf.rl.loop import Draw, UpdateLoop
from nutgraf.rl.numbers import averages, critic_numbers, rollout_numbers
from nutgraf.rl.rollouts import refill, rewarded, tells_apart, texts_of
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.training.run_state import RunState
from nutgraf.training.step import add_gradients

__all__ = ["RLTrainer"]


def _processors(settings: RLSettings, algorithm: Algorithm) -> Processors:
    """What samples are drawn from; a mask takes the place of top-k and top-p."""
    chosen = Processors(settings.temperature, settings.top_k, settings.top_p)
    if algorithm.mask_top_p == 1.0:
        return chosen
    if chosen.filters:
        raise ConfigError(
            "top_k and top_p must be off when the algorithm masks actions itself. "
            f"Received: top_k={settings.top_k}, top_p={settings.top_p}. Leave them out."
        )
    return Processors(settings.temperature, top_p=algorithm.mask_top_p)


class RLTrainer(UpdateLoop):
    """Improves a policy by an algorithm.

    Args:
        policy: the policy; its weights are the start and the reference of the KL.
        reward: the reward.
        algorithm: see `Algorithm`.
        settings: the settings.
        folder: run folder, see `UpdateLoop`, or None to keep nothing on disk.
        identity: see `UpdateLoop`; the reward is added to it.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        algorithm: Algorithm,
        settings: RLSettings,
        folder: Path | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Compile nothing yet."""
        self.critic = Critic(policy, algorithm.critic) if algorithm.critic else None
        super().__init__(
            policy,
            settings,
            settings.prompts,
            folder,
            self.critic.start if self.critic else None,
            algorithm.memory,
            {**(identity or {}), "reward": identity_of(reward)},
        )
        self.reward = reward
        self.algorithm = algorithm
        self.processors = _processors(settings, algorithm)
        self._first = int(algorithm.greedy_baseline)
        self.sampler = Sampler(
            policy,
            settings.samples + self._first,
            settings.length,
            self.processors,
            greedy=[True] * self._first + [False] * settings.samples,
            masked=algorithm.mask_top_p < 1.0,
        )
        self._score = scorer(policy, self.processors)
        self._expect = scorer(policy, self.processors, self.critic)
        weights = Weights(
            settings.kl_weight, settings.supervised_weight, settings.entropy_weight
        )
        self._gradient = gradient_of(
            policy, algorithm, self.processors, weights, self.critic
        )
        self._add = add_gradients()
        own = len(policy.variables)
        self._reference = [to_tensor(value) for value in self.start[:own]]

    def update(self, state: RunState, draw: Draw) -> tuple[RunState, dict[str, float]]:
        """Take one rollout and its epochs of updates; see `UpdateLoop.update`.

        Args:
            state: weights, optimiser and position before it.
            draw: gives the next prompts.

        Returns:
            The state after it, the step not yet counted, and the numbers to log.
        """
        state = self._renewed(state)
        rollout, record = self._rollouts(state, draw)
        started = time.monotonic()
        experience, estimate = self._estimated(state, rollout)
        size = self.settings.micro_prompts or self.settings.prompts
        parts = packed(split(experience, size))
        statistics: list[Any] = []
        for _ in range(self.settings.epochs):
            state, statistics, norm = self._epoch(state, parts)
        record["time/update"] = time.monotonic() - started
        record |= averages(statistics) | {"train/gradient_norm": norm}
        record |= rollout_numbers(rollout, self._first) | critic_numbers(experience)
        record |= {f"memory/{name}": v for name, v in estimate.memory.items()}
        seconds = sum(record[name] for name in record if name.startswith("time/"))
        record["time/tokens_per_second"] = float(rollout.mask.sum() / seconds)
        position = {**state.position, "memory": dict(estimate.memory)}
        return state._replace(position=position), record

    def _renewed(self, state: RunState) -> RunState:
        """Renew the lagged copy when it is due."""
        lag = self.algorithm.lag
        if not lag or state.position["step"] % lag:
            return state
        return state._replace(lagged=list(state.values[: len(self._reference)]))

    def _rollouts(
        self, state: RunState, draw: Draw
    ) -> tuple[Rollout, dict[str, float]]:
        """Sample and reward; replace groups that teach nothing when that is asked."""
        rollout, record = self._rollout(state, draw)
        for _ in range(self.algorithm.resample):
            if tells_apart(rollout).all():
                break
            more, times = self._rollout(state, draw)
            rollout = refill(rollout, more)
            record = {name: record[name] + times[name] for name in record}
        return rollout, record

    def _rollout(self, state: RunState, draw: Draw) -> tuple[Rollout, dict[str, float]]:
        """Sample and reward the next prompts."""
        rows, batch = draw()
        started = time.monotonic()
        step = state.position["step"]
        values = state.values[: len(self._reference)]
        if self.algorithm.stale and state.lagged:
            values = state.lagged
        rollout = self.sampler(values, batch, self.settings.seed, step, state.lagged)
        sampled = time.monotonic()
        texts = texts_of(self.policy, rollout)
        reward, on_error = self.reward, self.settings.on_error
        rollout, failed = rewarded(rollout, texts, rows, reward, on_error)
        return rollout, {
            "sample/failed": float(failed),
            "time/sample": sampled - started,
            "time/reward": time.monotonic() - sampled,
        }

    def _estimated(
        self, state: RunState, rollout: Rollout
    ) -> tuple[Experience, Estimate]:
        """Score the samples under policy, reference and critic; estimate advantages."""
        given, greedy = experience_of(rollout, self._first)
        given = self._scored(state, given)
        first = self._first
        rewards = rollout.rewards[:, first:]
        valid = rollout.valid[:, first:] & (greedy is None or rollout.valid[:, :1])
        truncated = rollout.truncated[:, first:]
        if self.settings.mask_truncated:
            valid = valid & ~truncated
        if self.settings.overlong_buffer:
            limit, buffer = self.settings.length, self.settings.overlong_buffer
            lengths = given.mask.sum(axis=-1)
            penalty = soft_overlong_penalty(lengths, limit=limit, buffer=buffer)
            rewards = rewards + to_numpy(penalty)
        signals = Signals(
            rewards=rewards,
            valid=valid,
            actions=given.actions,
            mask=given.mask,
            log_probs=given.old_log_probs,
            ref_log_probs=given.ref_log_probs,
            values=given.values,
            truncated=truncated,
            memory=state.position["memory"],
            greedy=greedy,
        )
        estimate = self.algorithm.estimate(signals)
        keep = valid if estimate.keep is None else valid & to_numpy(estimate.keep)
        advantages = to_numpy(estimate.advantages).astype("float32")
        if advantages.ndim == 2:
            advantages = np.repeat(advantages[..., None], given.mask.shape[-1], axis=-1)
        return given._replace(
            mask=given.mask & keep[..., None],
            advantages=advantages,
            returns=to_numpy(estimate.returns),
        ), estimate

    def _scored(self, state: RunState, given: Experience) -> Experience:
        """Add what reference, critic and, for stale samples, the policy say."""
        size = self.settings.micro_prompts or self.settings.prompts
        own = len(self._reference)
        references, olds, expected = [], [], []
        for part in packed(split(given, size)):
            references.append(self._score(self._reference, part))
            if self.critic is not None:
                both = self._expect(state.values, part)
                olds.append(both[0])
                expected.append(both[1])
            elif self.algorithm.stale:
                olds.append(self._score(state.values[:own], part))
        given = given._replace(ref_log_probs=_joined(references))
        if expected:
            given = given._replace(values=_joined(expected))
        if self.algorithm.stale:
            limit = self.algorithm.importance_limit
            old = _joined(olds)
            weights = truncated_importance_weights(
                old, given.old_log_probs, limit=limit
            )
            given = given._replace(old_log_probs=old, importance=to_numpy(weights))
        return given

    def _epoch(
        self, state: RunState, parts: Sequence[Experience]
    ) -> tuple[RunState, list[Any], float]:
        """One step of the optimiser from all micro-batches."""
        numbers = np.sum([self._counts(part) for part in parts], axis=0)
        counts = Counts(*numbers.astype("float32"))
        warm = state.position["step"] >= self.algorithm.critic_warmup
        grads: Any = None
        statistics = []
        for part in parts:
            new, found = self._gradient(state.values, part, counts, np.float32(warm))
            grads = new if grads is None else self._add(grads, new)
            statistics.append(to_numpy(found))
        state, norm = self.descend(state, grads)
        return state, statistics, norm

    def _counts(self, part: Experience) -> tuple[float, float, float]:
        mask = part.mask
        zeros = np.zeros(mask.shape, "float32")
        own = float(to_numpy(self.algorithm.reduce(zeros, mask)[1]))
        return own, float(mask.sum()), float(part.batch.target_mask.sum())


def _joined(parts: Sequence[Any]) -> np.ndarray:
    return np.concatenate([to_numpy(part) for part in parts])
