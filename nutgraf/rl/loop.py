"""The loop around updates: prompts, checkpoints, log, callbacks, time limit.

What an update is, a subclass says. A run is a pure function of (settings, data, start,
seed): interrupted and resumed, it takes the same prompts. Budgets are counted in
updates; minutes only stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import Batch
from nutgraf.backend import assign, to_numpy
from nutgraf.data.rows import Row
from nutgraf.errors import RunError
from nutgraf.models.checkpoint import save_policy, weight_names
from nutgraf.rl.guarded import Guarded
from nutgraf.rl.prompts import PromptPlan, PromptSchedule, schedule_prompts
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.watch import Watch
from nutgraf.training.log import MetricsLog
from nutgraf.training.optimizer import AdamW
from nutgraf.training.run_state import RunState, resume, save_state
from nutgraf.training.schedule import learning_rate
from nutgraf.training.step import apply_step
from nutgraf.training.stop import StopSignal

__all__ = ["Draw", "UpdateLoop", "Watcher"]

Watcher = Callable[[int, dict[str, float]], None]
Draw = Callable[[], tuple[list[Row], Batch]]
"""Gives the next prompts: rows, and the same as arrays with `settings.length` actions
per reference."""


class UpdateLoop:
    """Runs `update` a given number of times.

    Args:
        policy: the policy; its weights are the start.
        settings: the settings.
        prompts: rows per update.
        folder: run folder (`metrics.jsonl`, `checkpoints/`, the model folder `last`
            and, of a run that a guard judges, `best`), or None to keep nothing on disk.
            Of a model of your own, model folders have the weights (`save_policy`).
        extra: weights that are trained beside the policy's, by name.
        memory: plain numbers that a run starts with and keeps in `position`.
        identity: plain values beside the settings, by name, with which a run must be
            resumed; "algorithm" is the name of the class by default.

    Raises:
        ConfigError: `settings.length` is more than the policy writes.
    """

    def __init__(
        self,
        policy: Any,
        settings: RLSettings,
        prompts: int,
        folder: Path | None = None,
        extra: Mapping[str, np.ndarray] | None = None,
        memory: Mapping[str, float] | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the start; compile nothing yet."""
        self.policy = policy
        self.settings = settings.fitted(policy.codec.max_target)
        self.prompts = prompts
        self.folder = None if folder is None else Path(folder)
        self.optimizer = AdamW(beta2=0.99, weight_decay=settings.weight_decay)
        self._names = weight_names(policy.variables) + list(extra or {})
        self._apply = apply_step(self.optimizer, settings.clip_norm, self._names)
        self._memory = dict(memory or {})
        self._identity = {"algorithm": type(self).__name__, **(identity or {})}
        self.start = to_numpy([variable.value for variable in policy.variables])
        self.start += list((extra or {}).values())

    def update(self, state: RunState, draw: Draw) -> tuple[RunState, dict[str, float]]:
        """Take one update.

        Args:
            state: weights, optimiser and position before it.
            draw: gives the next prompts; may be called more than once.

        Returns:
            The state after it, the step not yet counted, and the numbers to log.
        """
        raise NotImplementedError

    def fit(
        self,
        rows: Sequence[Row],
        callbacks: Sequence[Any] = (),
        watch: Watcher | None = None,
        stop_after: float = math.inf,
        guard: Watch | None = None,
    ) -> list[dict[str, float]]:
        """Train, from the newest checkpoint of the run folder if there is one.

        Args:
            rows: prompts with references, read from as they are needed.
            callbacks: Keras callbacks; an update is an epoch of one batch, with the
                numbers of `metrics.jsonl`. `model.stop_training` ends the run.
            watch: called with the update's number and its numbers, for a live display.
            stop_after: seconds; then a checkpoint is written and the training stops.
            guard: watches for reward hacking, see `nutgraf.rl.guard`; it may end the
                run, and changes nothing that is learned. The model folder `best` has
                the weights of its best safe look: the highest reward on the watched
                rows among those where nothing was broken, the start's at first.

        Returns:
            The numbers of each update done by this call.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        state = self._first_state()
        guarded = self._guarded(guard)
        schedule = schedule_prompts(
            rows,
            self.policy.codec,
            self.prompts,
            self.settings.source_bounds,
            self.settings.seed,
        )
        log = MetricsLog(self.folder, state.position["step"]) if self.folder else None
        keras_calls = _KerasCalls(callbacks, self.policy)
        listeners: list[Watcher] = [log.write] if log else []
        listeners += [watch] if watch else []
        history = []
        due = guarded.ended(state)
        keras_calls.begin()
        with StopSignal(stop_after) as stop:
            try:
                while state.position["step"] < self.settings.updates and not due:
                    state, record = self._next(state, rows, schedule)
                    state, record = guarded.after(state, record)
                    history.append(record)
                    for listener in listeners:
                        listener(state.position["step"], record)
                    keras_calls.after(state.position["step"], record, state.values)
                    due = stop.due or guarded.ended(state) or keras_calls.stopped
                    self._save(state, last=due)
            finally:
                if log is not None:
                    log.close()
                own = len(self.policy.variables)
                assign(self.policy.variables, state.values[:own])
        keras_calls.end()
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
        norm = float(to_numpy(norm))
        if not math.isfinite(norm):
            raise RunError(
                f"The gradient must stay finite. Received: a norm of {norm} in update "
                f"{state.position['step'] + 1}. The last checkpoint is whole; start "
                "anew with a lower rl.learning_rate, or with rl.clip_norm on."
            )
        return state._replace(values=values, optimizer=optimizer), norm

    def _next(
        self, state: RunState, rows: Sequence[Row], schedule: PromptSchedule
    ) -> tuple[RunState, dict[str, float]]:
        taken = state.position["plans"]

        def draw() -> tuple[list[Row], Batch]:
            nonlocal taken
            plan = schedule.plan(taken)
            taken += 1
            chosen = [rows[index] for index in plan.rows]
            return chosen, self._batch(chosen, plan)

        state, record = self.update(state, draw)
        now = {"step": state.position["step"] + 1, "plans": taken}
        return state._replace(position={**state.position, **now}), record

    def _guarded(self, watch: Watch | None) -> Guarded:
        own, updates = len(self.policy.variables), self.settings.updates
        return Guarded(
            watch, self.start, own, self._names, updates, self.folder, self._save_best
        )

    def _save_best(self, weights: Sequence[Any]) -> None:
        """Write the best safe weights of the policy."""
        if self.folder is not None:
            save_policy(self.folder / "best", self.policy, values=to_numpy(weights))

    def _batch(self, rows: Sequence[Row], plan: PromptPlan) -> Batch:
        """Encode the rows of a plan, targets at one fixed length."""
        batch = self.policy.codec.batch(rows, plan.source_length)
        limit = self.settings.length
        return batch._replace(
            target_ids=_fit(batch.target_ids, limit),
            target_mask=_fit(batch.target_mask, limit),
        )

    def _first_state(self) -> RunState:
        plain = _jsonable({**asdict(self.settings), **self._identity})
        if self.folder is not None:
            state = resume(self.folder, self._names, plain)
            if state is not None:
                return state
        position = {"step": 0, "plans": 0, "settings": plain, "memory": self._memory}
        return RunState(self.start, self.optimizer.init(self.start), position)

    def _save(self, state: RunState, last: bool) -> None:
        """Write a checkpoint when one is due."""
        step = state.position["step"]
        last |= step >= self.settings.updates
        if self.folder is not None and (
            last or step % self.settings.checkpoint_every == 0
        ):
            save_state(self.folder / "checkpoints", self._names, state)


class _KerasCalls:
    """Keras callbacks: an update is an epoch of one batch."""

    def __init__(self, callbacks: Sequence[Any], policy: Any) -> None:
        self._policy = policy
        self._model = getattr(policy, "model", None)
        self._list: Any = None
        if callbacks:
            import keras

            self._list = keras.callbacks.CallbackList(
                list(callbacks), model=self._model
            )

    @property
    def stopped(self) -> bool:
        """Whether a callback has asked for the end."""
        return self._list is not None and bool(
            getattr(self._model, "stop_training", False)
        )

    def begin(self) -> None:
        if self._list is not None:
            if self._model is not None:
                self._model.stop_training = False
            self._list.on_train_begin()

    def after(self, update: int, record: dict[str, float], values: list[Any]) -> None:
        """Show the update; callbacks see a model with its weights."""
        if self._list is None:
            return
        assign(self._policy.variables, values[: len(self._policy.variables)])
        self._list.on_epoch_begin(update)
        self._list.on_train_batch_begin(update)
        self._list.on_train_batch_end(update, dict(record))
        self._list.on_epoch_end(update, dict(record))

    def end(self) -> None:
        if self._list is not None:
            self._list.on_train_end()


def _jsonable(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
    }


def _fit(array: np.ndarray, length: int) -> np.ndarray:
    """Cut or pad the last axis with zeros to one length, so that one shape compiles."""
    cut = np.asarray(array)[:, :length]
    return np.pad(cut, [(0, 0), (0, length - cut.shape[1])])
