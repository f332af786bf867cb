"""The loop of RL on preference pairs: passes, validation, best model, early stop.

What is learned from pairs, a subclass says: a reward model, or the policy itself.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nutgraf.backend import to_numpy
from nutgraf.data.pair_groups import PairGroup
from nutgraf.data.pairs import Pair
from nutgraf.errors import DataError
from nutgraf.models.checkpoint import save_policy
from nutgraf.models.codec import round_up
from nutgraf.rl.loop import Draw, UpdateLoop, Watcher
from nutgraf.rl.numbers import averages
from nutgraf.rl.pair_arrays import PairArrays, PairTable
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.training.log import check_finite
from nutgraf.training.run_state import RunState

__all__ = ["PairLoop"]

_MEMORY = {"best": -1.0, "best_step": 0, "worse": 0, "stopped": 0}


class PairLoop(UpdateLoop):
    """Trains on pairs in whole passes; measures the accuracy on held-out pairs.

    Args:
        model: the policy or the reward model; its weights are the start.
        training: the settings.
        group: makes groups of pairs, whose texts are read together.
        folder: run folder (`metrics.jsonl`, `checkpoints/`, the model folders `best`,
            with the highest accuracy on held-out pairs, and `last`), or None to keep
            nothing on disk.
        identity: see `UpdateLoop`.
    """

    def __init__(
        self,
        model: Any,
        training: PairSettings,
        group: Callable[[Sequence[Pair]], list[PairGroup]],
        folder: Path | None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Compile nothing yet."""
        super().__init__(
            model,
            training.for_loop(1),
            training.prompts,
            folder,
            memory=_MEMORY,
            identity=identity,
        )
        self.training = training
        self._group = group
        self._tables: list[PairTable] = []
        self._every = 1
        self._shape = (2, 8)

    def learn(
        self, state: RunState, given: PairArrays
    ) -> tuple[RunState, dict[str, float]]:
        """Take one step from the pairs of some prompts.

        Args:
            state: weights, optimiser and position before it.
            given: the pairs.

        Returns:
            The state after it, and the numbers to log.
        """
        raise NotImplementedError

    def judged(self, state: RunState, given: PairArrays) -> dict[str, Any]:
        """Judge held-out pairs.

        Args:
            state: the weights.
            given: the pairs; those with `wins` 0 count nothing.

        Returns:
            Name -> (sum, count); "valid/accuracy" among them.
        """
        raise NotImplementedError

    def fit_pairs(
        self,
        train: Sequence[Pair],
        valid: Sequence[Pair] = (),
        callbacks: Sequence[Any] = (),
        watch: Watcher | None = None,
        stop_after: float = math.inf,
    ) -> list[dict[str, float]]:
        """Train, from the newest checkpoint of the run folder if there is one.

        Args:
            train: pairs to learn from.
            valid: held-out pairs; without them there is no model `best`.
            callbacks: Keras callbacks; an update is an epoch of one batch.
            watch: called with the update's number and its numbers, for a live display.
            stop_after: seconds; then a checkpoint is written and the training stops.

        Returns:
            The numbers of each update done by this call.

        Raises:
            DataError: there are fewer prompts than an update takes.
            RunError: the loss is no longer finite.
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is written.
        """
        self.prepare(train, valid)
        return self.fit_prepared(callbacks, watch, stop_after)

    def prepare(
        self, train: Sequence[Pair], valid: Sequence[Pair] = ()
    ) -> tuple[int, float, float]:
        """Encode the pairs: the first half of `fit_pairs`.

        Args:
            train: pairs to learn from.
            valid: held-out pairs.

        Returns:
            Updates of the whole run; the share of prompts and of texts to learn from
            that are longer than the model reads and are cut.

        Raises:
            DataError: there are fewer prompts than an update takes.
        """
        codec = self.policy.codec
        tables = [PairTable(self._group(pairs), codec) for pairs in (train, valid)]
        per_pass = len(tables[0]) // self.prompts
        if not per_pass:
            raise DataError(
                "There must be at least as many prompts with pairs to learn from as an "
                f"update takes, {self.prompts}. Received: {len(tables[0])}. Lower "
                "training.prompts."
            )
        self._tables = tables
        self._every = self.training.evaluate_every or per_pass
        longest = max(table.longest for table in tables)
        length = round_up(longest, 8, codec.max_target)
        self._shape = max(table.most for table in tables), length
        updates = self.training.epochs * per_pass
        self.settings = self.training.for_loop(updates)
        return updates, *tables[0].cut()

    def fit_prepared(
        self,
        callbacks: Sequence[Any] = (),
        watch: Watcher | None = None,
        stop_after: float = math.inf,
    ) -> list[dict[str, float]]:
        """Train on the pairs that were prepared: the second half of `fit_pairs`.

        Args:
            callbacks: see `fit_pairs`.
            watch: see `fit_pairs`.
            stop_after: see `fit_pairs`.

        Returns:
            The numbers of each update done by this call.
        """
        return self.fit(self._tables[0].rows, callbacks, watch, stop_after)

    def update(self, state: RunState, draw: Draw) -> tuple[RunState, dict[str, float]]:
        """Take one update; see `UpdateLoop.update`.

        Args:
            state: weights, optimiser and position before it.
            draw: gives the next prompts.

        Returns:
            The state after it, the step not yet counted, and the numbers to log.
        """
        rows, batch = draw()
        started = time.monotonic()
        numbers = [int(row.id) for row in rows]
        given = self._tables[0].arrays(numbers, batch, *self._shape)
        state, record = self.learn(state, given)
        seconds = time.monotonic() - started
        record["time/update"] = seconds
        record["time/tokens_per_second"] = float(given.mask.sum() / seconds)
        step = state.position["step"] + 1
        check_finite(record, step)
        due = step % self._every == 0 or step == self.settings.updates
        if due and len(self._tables[1]):
            state, found = self._validated(state, step)
            record |= found
        return state, record

    def _validated(
        self, state: RunState, step: int
    ) -> tuple[RunState, dict[str, float]]:
        """Measure on the held-out pairs; keep the best weights; stop early."""
        found = self.validate(state)
        memory = dict(state.position["memory"])
        better = found["valid/accuracy"] > memory["best"]
        memory["worse"] = 0 if better else memory["worse"] + 1
        if better:
            memory |= {"best": found["valid/accuracy"], "best_step": step}
            if self.folder is not None:
                values = to_numpy(state.values)
                save_policy(self.folder / "best", self.policy, values=values)
        patience = self.training.patience
        if patience and memory["worse"] >= patience:
            memory["stopped"] = 1
            self._end_at(step)
        return state._replace(position={**state.position, "memory": memory}), found

    def validate(self, state: RunState) -> dict[str, float]:
        """Measure on the held-out pairs.

        Args:
            state: the weights, and the position for what is drawn at random.

        Returns:
            The means of what `judged` gives.
        """
        top = self.policy.codec.max_source
        bounds = sorted({min(top, b) for b in (*self.settings.source_bounds, top)})
        batches = self._tables[1].in_order(self.prompts, bounds, *self._shape)
        return averages([self.judged(state, given) for given in batches])

    def _first_state(self) -> RunState:
        state = super()._first_state()
        if state.position["memory"]["stopped"]:
            self._end_at(state.position["step"])
        return state

    def _end_at(self, step: int) -> None:
        """Let the loop end, and save, after that many updates."""
        self.settings = dataclasses.replace(self.settings, updates=step)
