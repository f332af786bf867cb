"""The loop of every training by epochs: batches, updates, validation, checkpoints.

It is a pure function of (settings, data, seed): interrupted and resumed, it takes the
same batches, the same dropout and, on a CPU, gives the same weights bit for bit. What
is learned from a batch, a class that inherits `EpochLoop` says in three methods.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.backend import assign, to_numpy
from nutgraf.errors import RunError
from nutgraf.models.checkpoint import save_policy, weight_names
from nutgraf.training.log import MetricsLog, progress_bar
from nutgraf.training.optimizer import AdamW
from nutgraf.training.run_state import RunState, resume, save_state
from nutgraf.training.schedule import learning_rate
from nutgraf.training.settings import TrainingSettings
from nutgraf.training.step import add_gradients, apply_step
from nutgraf.training.stop import StopSignal

__all__ = ["EpochLoop"]


class EpochLoop:
    """Trains a policy through epochs of batches; saves, resumes, validates.

    Args:
        policy: the policy; its weights are where a new run starts.
        settings: the settings.
        folder: run folder: `metrics.jsonl`, `checkpoints/`, and the model folders
            `best` (lowest validation loss) and `last`, of which `save_policy` tells.
        sample_metrics: called with the policy (its weights current) at each
            validation; returns more numbers for the log, such as ROUGE on a sample.
    """

    def __init__(
        self,
        policy: Any,
        settings: TrainingSettings,
        folder: Path,
        sample_metrics: Callable[[Any], dict[str, float]] | None = None,
    ) -> None:
        """Compile nothing yet."""
        self.policy = policy
        self.settings = settings
        self.folder = Path(folder)
        self.sample_metrics = sample_metrics
        self.optimizer = AdamW(weight_decay=settings.weight_decay)
        self._add = add_gradients()
        self._names = weight_names(policy.variables)
        self._apply = apply_step(self.optimizer, settings.clip_norm, self._names)

    def identity(self) -> dict[str, Any]:
        """Return the settings that a run must be resumed with.

        Returns:
            Plain values, as they come back from JSON.
        """
        return dict(vars(self.settings))

    def batches(self, epoch: int) -> Sequence[Any]:
        """Return the batches of a pass, in order.

        Args:
            epoch: number of the pass.

        Returns:
            What `gradient` takes; as many in every pass.
        """
        raise NotImplementedError

    def gradient(
        self, values: list[Any], plan: Any, seed: np.int32
    ) -> tuple[list[Any], Any, Any]:
        """Return what a batch adds to an update.

        Args:
            values: weights.
            plan: of `batches`.
            seed: of dropout.

        Returns:
            The gradients of the summed loss, the sum of the tokens' negative
            log-likelihoods in nats, and the number of tokens.
        """
        raise NotImplementedError

    def validate(self, values: list[Any]) -> dict[str, float]:
        """Return what is measured on the validation rows.

        Args:
            values: weights.

        Returns:
            Numbers for the log, "valid/loss" among them, whose lowest is the best
            model; nothing where there are no validation rows.
        """
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write the policy, which has the newest weights, as a model folder.

        Args:
            folder: the folder; an older one is replaced.
        """
        save_policy(folder, self.policy)

    @property
    def updates(self) -> int:
        """Updates of the whole run."""
        each = -(-len(self.batches(0)) // self.settings.accumulate)
        return each * self.settings.epochs

    def run(
        self, callbacks: Sequence[Any] = (), stop_after: float = math.inf
    ) -> dict[str, Any]:
        """Train, from the newest checkpoint of the run folder if there is one.

        Args:
            callbacks: Keras callbacks; `on_epoch_end` gets each validation's numbers.
            stop_after: seconds after which a checkpoint is written and the training
                stops; the next call goes on from there.

        Returns:
            The position at the end: step, epoch, best_loss, finished, ...

        Raises:
            ConfigError: the run in the folder has other settings.
            RunError: its checkpoint is torn, or the loss is no longer finite.
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        state = self._start()
        total = self.updates
        log = MetricsLog(self.folder, state.position["step"])
        listeners = _callback_list(callbacks, self.policy)
        if getattr(self.policy, "model", None) is not None:
            self.policy.model.stop_training = False  # Keras callbacks may set it
        listeners.on_train_begin()
        done = state.position["step"]
        with StopSignal(stop_after) as stop:
            try:
                with progress_bar("training", total, done) as advance:
                    while not state.position["finished"]:
                        state = self._epoch(state, log, listeners, advance, total, stop)
                        if stop.due:
                            break
            finally:
                log.close()
                self._install(state.values)
        if state.position["finished"]:
            self.save(self.folder / "last")
        listeners.on_train_end()
        return state.position

    def _start(self) -> RunState:
        plain = self.identity()
        state = resume(self.folder, self._names, plain)
        if state is not None:
            return state
        values = to_numpy([variable.value for variable in self.policy.variables])
        position = {
            "step": 0,
            "epoch": 0,
            "index": 0,
            "tokens": 0,
            "seconds": 0.0,
            "best_loss": None,
            "best_step": 0,
            "worse": 0,
            "finished": False,
            "settings": plain,
        }
        return RunState(values, self.optimizer.init(values), position)

    def _epoch(
        self,
        state: RunState,
        log: MetricsLog,
        listeners: Any,
        advance: Callable[[int, str], None],
        total: int,
        stop: StopSignal,
    ) -> RunState:
        """Train to the end of the epoch, or of the time."""
        position = dict(state.position)
        plans = self.batches(position["epoch"])
        while position["index"] < len(plans):
            state = RunState(state.values, state.optimizer, position)
            state = self._update(state, plans, total, log, advance)
            position = dict(state.position)
            every = self.settings.evaluate_every
            if every and position["step"] % every == 0:
                state = self._validated(state, log, listeners)
                position = dict(state.position)
            if position["finished"]:
                self._save(state)
                return state
            if position["index"] >= len(plans):
                break  # saved below, with the validation
            if stop.due:
                self._save(state)
                return state
            if position["step"] % self.settings.checkpoint_every == 0:
                self._save(state)
        position["epoch"] += 1
        position["index"] = 0
        last = position["epoch"] >= self.settings.epochs
        every = self.settings.evaluate_every
        state = RunState(state.values, state.optimizer, position)
        if not every or (last and position["step"] % every):
            state = self._validated(state, log, listeners)
            position = dict(state.position)
        position["finished"] |= last
        state = RunState(state.values, state.optimizer, position)
        self._save(state)
        return state

    def _update(
        self,
        state: RunState,
        plans: Sequence[Any],
        total: int,
        log: MetricsLog,
        advance: Callable[[int, str], None],
    ) -> RunState:
        """Take one update from the next `accumulate` batches."""
        start = time.monotonic()
        position = dict(state.position)
        settings = self.settings
        chosen = plans[position["index"] : position["index"] + settings.accumulate]
        grads: Any = None
        losses, counts = 0.0, 0.0
        for offset, plan in enumerate(chosen):
            number = position["step"] * settings.accumulate + offset
            seed = np.int32((settings.seed * 1_000_003 + number) & 0x7FFFFFFF)
            new, loss, count = self.gradient(state.values, plan, seed)
            grads = new if grads is None else self._add(grads, new)
            losses += float(to_numpy(loss))
            counts += float(to_numpy(count))
        rate = learning_rate(
            position["step"],
            peak=settings.learning_rate,
            warmup=settings.warmup,
            total=total,
            floor=settings.floor,
        )
        values, optimizer, norm = self._apply(
            state.values,
            state.optimizer,
            grads,
            np.float32(counts),
            np.float32(rate),
        )
        loss, norm = losses / max(counts, 1.0), float(to_numpy(norm))
        _check_finite(loss, norm, position["step"] + 1)
        position["step"] += 1
        position["index"] += len(chosen)
        position["tokens"] += int(counts)
        seconds = time.monotonic() - start
        position["seconds"] += seconds
        speed = counts / seconds
        advance(1, f"loss {loss:.3f}  {speed:,.0f} target tokens/s")
        log.write(
            position["step"],
            {
                "train/loss": loss,
                "train/learning_rate": rate,
                "train/gradient_norm": norm,
                "time/target_tokens_per_second": speed,
            },
        )
        return RunState(values, optimizer, position)

    def _validated(self, state: RunState, log: MetricsLog, listeners: Any) -> RunState:
        """Measure on the validation rows; keep the best weights; stop early."""
        position = dict(state.position)
        record = self.validate(state.values)
        if record:
            loss, best = record["valid/loss"], position["best_loss"]
            better = best is None or loss < best
            position["worse"] = 0 if better else position["worse"] + 1
            if better:
                position["best_loss"], position["best_step"] = loss, position["step"]
        self._install(state.values)  # sample metrics and callbacks see these
        if self.sample_metrics is not None:
            record.update(self.sample_metrics(self.policy))
        if position["worse"] == 0:  # always so without validation rows
            self.save(self.folder / "best")
        stop = self.settings.patience and position["worse"] >= self.settings.patience
        position["finished"] = bool(stop)
        log.write(position["step"], record)
        listeners.on_epoch_begin(position["epoch"])
        listeners.on_epoch_end(position["epoch"], record)
        model = getattr(self.policy, "model", None)
        position["finished"] |= bool(getattr(model, "stop_training", False))
        return RunState(state.values, state.optimizer, position)

    def _save(self, state: RunState) -> None:
        save_state(self.folder / "checkpoints", self._names, state)

    def _install(self, values: list[Any]) -> None:
        assign(self.policy.variables, values)


def _check_finite(loss: float, norm: float, update: int) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise RunError(
            f"The loss must stay finite. Received: {loss} with a gradient of norm "
            f"{norm} in update {update}. Start anew with a lower "
            "training.learning_rate or a longer training.warmup."
        )


def _callback_list(callbacks: Sequence[Any], policy: Any) -> Any:
    import keras

    model = getattr(policy, "model", None)
    return keras.callbacks.CallbackList(list(callbacks), model=model)
