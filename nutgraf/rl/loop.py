"""The loop around updates: prompts, checkpoints, log, callbacks, time limit.

What an update is, a subclass says. A run is a pure function of (settings, data, start,
seed): interrupted and resumed, it takes the same prompts. Budgets are counted in
updates; minutes only stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import Batch
from nutgraf.backend import assign, to_numpy
from nutgraf.data.rows import Row
from nutgraf.models.checkpoint import save_policy, weight_names
from nutgraf.rl.prompts import PromptPlan, PromptSchedule
from nutgraf.rl.settings import RLSettings
from nutgraf.training.log import MetricsLog
from nutgraf.training.optimizer import AdamW
from nutgraf.training.run_state import RunState, resume, save_state
from nutgraf.training.schedule import learning_rate
from nutgraf.training.step import apply_step
from nutgraf.training.stop import StopSignal

__all__ = ["UpdateLoop", "Watcher"]

Watcher = Callable[[int, dict[str, float]], None]


class UpdateLoop:
    """Runs `update` a given number of times.

    Args:
        policy: the policy; its weights are the start.
        settings: the settings.
        prompts: rows per update.
        folder: run folder (`metrics.jsonl`, `checkpoints/`, model folder `last`), or
            None to keep nothing on disk.
    """

    def __init__(
        self,
        policy: Any,
        settings: RLSettings,
        prompts: int,
        folder: Path | None = None,
    ) -> None:
        """Keep the start; compile nothing yet."""
        self.policy = policy
        self.settings = settings
        self.prompts = prompts
        self.folder = None if folder is None else Path(folder)
        self.optimizer = AdamW(beta2=0.99, weight_decay=settings.weight_decay)
        self._apply = apply_step(self.optimizer, settings.clip_norm)
        self._names = weight_names(policy.variables)
        self.start = to_numpy([variable.value for variable in policy.variables])

    def update(
        self, state: RunState, rows: Sequence[Row], batch: Batch
    ) -> tuple[RunState, dict[str, float]]:
        """Take one update.

        Args:
            state: weights, optimiser and position before it.
            rows: its rows.
            batch: the same as arrays, `settings.length` actions per reference.

        Returns:
            The state after it, position unchanged, and the numbers to log.
        """
        raise NotImplementedError

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

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        state = self._first_state()
        schedule = self._schedule(rows)
        log = MetricsLog(self.folder, state.position["step"]) if self.folder else None
        listeners = [callback.on_train_batch_end for callback in callbacks]
        listeners += [log.write] if log else []
        listeners += [watch] if watch else []
        history = []
        due = False
        with StopSignal(stop_after) as stop:
            try:
                while state.position["step"] < self.settings.updates and not due:
                    state, record = self._next(state, rows, schedule)
                    history.append(record)
                    for listener in listeners:
                        listener(state.position["step"], record)
                    due = stop.due
                    self._save(state, last=due)
            finally:
                if log is not None:
                    log.close()
                assign(self.policy.variables, state.values)
        if self.folder is not None:
            save_policy(self.folder / "last", self.policy)
        return history

    def descend(
        self, state: RunState, grads: list[Any], count: float = 1.0
    ) -> tuple[RunState, float]:
        """Take one step of the optimiser.

        Args:
            state: the state before it.
            grads: one gradient per weight, summed over `count`.
            count: what to divide the gradients by.

        Returns:
            The state after it, position unchanged, and the norm of the gradient.
        """
        rate = learning_rate(
            state.position["step"],
            peak=self.settings.learning_rate,
            warmup=self.settings.warmup,
            total=self.settings.updates,
            floor=0.1,
        )
        values, optimizer, norm = self._apply(
            state.values, state.optimizer, grads, np.float32(count), np.float32(rate)
        )
        return RunState(values, optimizer, state.position), float(to_numpy(norm))

    def _next(
        self, state: RunState, rows: Sequence[Row], schedule: PromptSchedule
    ) -> tuple[RunState, dict[str, float]]:
        plan = schedule.plan(state.position["step"])
        chosen = [rows[index] for index in plan.rows]
        state, record = self.update(state, chosen, self._batch(chosen, plan))
        position = {**state.position, "step": state.position["step"] + 1}
        return state._replace(position=position), record

    def _batch(self, rows: Sequence[Row], plan: PromptPlan) -> Batch:
        """Encode the rows of a plan, targets at one fixed length."""
        batch = self.policy.codec.batch(rows, plan.source_length)
        limit = self.settings.length
        return batch._replace(
            target_ids=_fit(batch.target_ids, limit),
            target_mask=_fit(batch.target_mask, limit),
        )

    def _schedule(self, rows: Sequence[Row]) -> PromptSchedule:
        codec = self.policy.codec
        encoded = codec.tokenizer.encode_batch([row.document for row in rows])
        top = codec.max_source
        bounds = sorted({min(top, bound) for bound in self.settings.source_bounds})
        if bounds[-1] < top:
            bounds.append(top)
        lengths = [len(ids) for ids in encoded]
        return PromptSchedule(lengths, self.prompts, bounds, self.settings.seed)

    def _first_state(self) -> RunState:
        plain = _jsonable(asdict(self.settings))
        if self.folder is not None:
            state = resume(self.folder, self._names, plain)
            if state is not None:
                return state
        position = {"step": 0, "settings": plain}
        return RunState(self.start, self.optimizer.init(self.start), position)

    def _save(self, state: RunState, last: bool) -> None:
        """Write a checkpoint when one is due."""
        step = state.position["step"]
        last |= step >= self.settings.updates
        if self.folder is not None and (
            last or step % self.settings.checkpoint_every == 0
        ):
            save_state(self.folder / "checkpoints", self._names, state)


def _jsonable(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
    }


def _fit(array: np.ndarray, length: int) -> np.ndarray:
    """Cut or pad the last axis with zeros to one length, so that one shape compiles."""
    cut = np.asarray(array)[:, :length]
    return np.pad(cut, [(0, 0), (0, length - cut.shape[1])])
