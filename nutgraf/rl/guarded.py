"""The guard's place in the loop: it looks when that is due, keeps, stops, goes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nutgraf.rl.guard import judged
from nutgraf.rl.watch import Watch
from nutgraf.training.run_state import (
    RunState,
    latest_checkpoint,
    load_state,
    save_state,
)

__all__ = ["Guarded"]


class Guarded:
    """What the guard does to the state of a run.

    The first record of a run has the numbers of the start, whose weights are measured
    after the first update; later ones have those of the weights after their update.
    What the guard remembers is `position["guard"]`, so that it is part of a checkpoint.

    Args:
        watch: what looks and judges; None lets everything pass.
        start: weights of the start, those beside the policy's behind them.
        own: how many of them are the policy's.
        names: name of each weight.
        updates: of the whole run; after the last one there is a look.
        folder: run folder, whose `checkpoints/safe` keeps the best safe state; None
            keeps it in memory. It is kept where the run may return to it only.
        best: called with the policy's weights of each best safe look, and at first with
            those of the start, to write them down; never without a reward.
    """

    def __init__(
        self,
        watch: Watch | None,
        start: Sequence[Any],
        own: int,
        names: list[str],
        updates: int,
        folder: Path | None = None,
        best: Callable[[Sequence[Any]], None] = lambda weights: None,
    ) -> None:
        """Look at nothing yet."""
        self.watch = watch
        self._start = list(start)
        self._own = own
        self._names = names
        self._updates = updates
        self._folder = None if folder is None else folder / "checkpoints" / "safe"
        self._best = best
        self._safe: RunState | None = None

    def ended(self, state: RunState) -> bool:
        """Return whether the guard has ended the run.

        Args:
            state: the state of the run.

        Returns:
            True when a verdict has; False again for a guard that only warns.
        """
        if self.watch is None:
            return False
        self.watch.memory = state.position.get("guard", {})
        acts = self.watch.settings.on in ("stop", "return")
        return acts and bool(self.watch.memory.get("ended"))

    def after(
        self, state: RunState, record: dict[str, float]
    ) -> tuple[RunState, dict[str, float]]:
        """Look at the weights after an update, when that is due.

        Args:
            state: the state after the update, counted.
            record: the update's numbers.

        Returns:
            The state, with what the guard remembers, and with the best safe weights
            when the run returns to them; the record, with the guard's numbers.
        """
        watch, step = self.watch, state.position["step"]
        if watch is None:
            return state, record
        watch.memory = state.position.get("guard", {})
        first = watch.memory.get("stamp") != watch.stamp  # or other rows
        weights = (self._start if first else state.values)[: self._own]
        if first:
            watch.memory = {}
            record = record | watch.numbers(weights)
        elif step % watch.settings.every == 0 or step == self._updates:
            record = record | watch.numbers(weights, step)
        else:
            return state, record
        verdict = watch.judge(step, judged(record))
        if verdict.safe or (first and watch.memory["best"] is not None):
            self._best(weights)
        record["guard/broken"] = float(len(verdict.reasons))
        state = state._replace(position={**state.position, "guard": watch.memory})
        if watch.settings.on == "return":
            if verdict.safe:
                self._keep(state)
            if verdict.ends:
                state = self._back(state)
        return state, record

    def _keep(self, state: RunState) -> None:
        """Keep a state in place of the one before."""
        if self._folder is None:
            self._safe = state
        else:
            save_state(self._folder, self._names, state, keep=1)

    def _back(self, state: RunState) -> RunState:
        """The same place in the run, with the weights of the best safe look."""
        guard = state.position["guard"]
        safe = self._safe
        if self._folder is not None:
            found = latest_checkpoint(self._folder)
            safe = None if found is None else load_state(found, self._names)
        if safe is None or not guard["safe"]:  # the start was the best, or all is lost
            position = {**state.position, "guard": {**guard, "returned": 0}}
            return state._replace(values=self._start, position=position)
        guard = {**guard, "returned": safe.position["step"]}
        return safe._replace(position={**state.position, "guard": guard})
