"""The training loop of all search models: batches, steps, validation, best model.

A run is a pure function of (settings, data, start, seed). Interrupted, it goes on from
its newest checkpoint with the same batches, and on a CPU comes to the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nutgraf.backend import assign, jit, to_numpy, value_and_grad
from nutgraf.errors import DataError
from nutgraf.models.checkpoint import weight_names
from nutgraf.rl.numbers import averages
from nutgraf.search.settings import LoopSettings
from nutgraf.training.log import MetricsLog, check_finite, progress_bar
from nutgraf.training.optimizer import AdamW
from nutgraf.training.run_state import RunState, resume, save_state
from nutgraf.training.schedule import learning_rate
from nutgraf.training.step import apply_step
from nutgraf.training.stop import StopSignal

__all__ = ["Lesson", "SearchLoop", "Trainable", "batch_of"]

Array = Any


class Trainable(Protocol):
    """A model that the loop trains.

    Attributes:
        variables: its Keras variables.
    """

    variables: list[Any]

    def save(self, folder: Path, values: list[np.ndarray]) -> None:
        """Write a model folder in one piece.

        Args:
            folder: where to.
            values: the weights, in the order of `variables`.
        """


class Lesson(Protocol):
    """What is learned: the batches and their loss."""

    def arrays(self, step: int) -> Any:
        """Return the batch of an update, a pure function of its number.

        Args:
            step: updates before it.

        Returns:
            A tree of numpy arrays; few shapes.
        """

    def loss(
        self, values: list[Array], arrays: Any, seed: Array
    ) -> tuple[Array, dict[str, tuple[Array, Array]]]:
        """Return the loss of a batch.

        Args:
            values: the weights.
            arrays: of `arrays`.
            seed: int32 scalar, of what is drawn at random in this update.

        Returns:
            Scalar loss, and name -> (sum, count) for the log.
        """


def batch_of(count: int, size: int, seed: int, step: int) -> np.ndarray:
    """Return which rows an update takes: whole passes, each in an order of its own.

    Args:
        count: number of rows.
        size: rows of a batch, at most `count`.
        seed: run seed.
        step: updates before it.

    Returns:
        (size,) int64.

    Raises:
        DataError: there are fewer rows than a batch takes.

    Example:
        >>> sorted(i for step in range(2) for i in batch_of(4, 2, 0, step).tolist())
        [0, 1, 2, 3]
    """
    if count < size:
        raise DataError(
            f"There must be at least as many rows as a batch takes, {size}. Received: "
            f"{count}. Lower training.batch."
        )
    number, place = divmod(step, count // size)
    random = np.random.Generator(np.random.Philox([seed, number, 0x5EA7]))
    return random.permutation(count)[place * size : (place + 1) * size]


class SearchLoop:
    """Trains a model by a lesson.

    Args:
        model: what is trained; its weights are the start.
        lesson: what is learned.
        settings: the settings.
        folder: run folder: `metrics.jsonl`, `checkpoints/`, and the model folders
            `best` (highest validation score) and `last`.
        validate: weights -> score, the higher the better; None keeps no best model but
            the last.
    """

    def __init__(
        self,
        model: Trainable,
        lesson: Lesson,
        settings: LoopSettings,
        folder: Path,
        validate: Callable[[list[np.ndarray]], float] | None = None,
    ) -> None:
        """Compile nothing yet."""
        self.model = model
        self.lesson = lesson
        self.settings = settings
        self.folder = Path(folder)
        self.validate = validate
        self.optimizer = AdamW(beta2=0.99, weight_decay=settings.weight_decay)
        self._names = weight_names(model.variables)
        self._apply = apply_step(self.optimizer, settings.clip_norm, self._names)

        def gradients(values: list[Array], arrays: Any, seed: Array) -> Any:
            (_, found), grads = value_and_grad(lesson.loss)(values, arrays, seed)
            return grads, found

        self._gradient = jit(gradients)

    def fit(self, stop_after: float = math.inf) -> dict[str, Any]:
        """Train, from the newest checkpoint of the run folder if there is one.

        Args:
            stop_after: seconds; then a checkpoint is written and the training stops.

        Returns:
            The position at the end: step, best, best_step, finished, ...

        Raises:
            ConfigError: the run in the folder has other settings.
            RunError: its checkpoint is torn, or the loss is no longer finite.
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        state = self._start()
        total = self.settings.updates
        log = MetricsLog(self.folder, state.position["step"])
        with StopSignal(stop_after) as stop:
            try:
                with progress_bar("training", total, state.position["step"]) as advance:
                    while not state.position["finished"]:
                        state = self._next(state, log, advance)
                        step, every = state.position["step"], self.settings
                        due = step % every.checkpoint_every == 0 or stop.due
                        if due or state.position["finished"]:
                            save_state(self.folder / "checkpoints", self._names, state)
                        if stop.due:
                            break
            finally:
                log.close()
                assign(self.model.variables, state.values)
        values = to_numpy(state.values)
        if state.position["finished"]:
            self.model.save(self.folder / "last", values)
            if self.validate is None:
                self.model.save(self.folder / "best", values)
        return state.position

    def _start(self) -> RunState:
        plain = dict(vars(self.settings))
        state = resume(self.folder, self._names, plain)
        if state is not None:
            return state
        values = to_numpy([variable.value for variable in self.model.variables])
        position = {
            "step": 0,
            "best": None,
            "best_step": 0,
            "worse": 0,
            "finished": False,
            "settings": plain,
        }
        state = RunState(values, self.optimizer.init(values), position)
        return self._validated(state, {})

    def _next(
        self, state: RunState, log: MetricsLog, advance: Callable[[int, str], None]
    ) -> RunState:
        """Take one update, and measure when it is time to."""
        started = time.monotonic()
        settings, step = self.settings, state.position["step"]
        seed = np.int32((settings.seed * 1_000_003 + step) & 0x7FFFFFFF)
        arrays = self.lesson.arrays(step)
        grads, found = self._gradient(state.values, arrays, seed)
        rate = learning_rate(
            step,
            peak=settings.learning_rate,
            warmup=settings.warmup,
            total=settings.updates,
            floor=0.1,
        )
        values, optimizer, norm = self._apply(
            state.values, state.optimizer, grads, np.float32(1), np.float32(rate)
        )
        record = averages([to_numpy(found)])
        record["train/gradient_norm"] = float(to_numpy(norm))
        check_finite(record, step + 1)
        record["time/update"] = time.monotonic() - started
        position = {**state.position, "step": step + 1}
        state = RunState(values, optimizer, position)
        if (step + 1) % settings.evaluate_every == 0 or step + 1 == settings.updates:
            state = self._validated(state, record)
        done = step + 1 >= settings.updates
        state.position["finished"] = done or state.position["finished"]
        log.write(step + 1, record)
        shown = (name for name in record if not name.startswith(("time/", "train/g")))
        advance(1, "  ".join(f"{n.split('/')[-1]} {record[n]:.3f}" for n in shown))
        return state

    def _validated(self, state: RunState, record: dict[str, float]) -> RunState:
        """Measure; keep the best weights, the start's among them; stop early."""
        position = dict(state.position)
        if self.validate is not None:
            values = to_numpy(state.values)
            score = self.validate(values)
            record["valid/ndcg"] = score
            better = position["best"] is None or score > position["best"]
            position["worse"] = 0 if better else position["worse"] + 1
            if better:
                position |= {"best": score, "best_step": position["step"]}
                self.model.save(self.folder / "best", values)
            patience = self.settings.patience
            position["finished"] = bool(patience and position["worse"] >= patience)
        return RunState(state.values, state.optimizer, position)
