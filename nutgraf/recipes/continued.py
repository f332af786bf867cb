"""Supervised training continued: the control arm of every claim about RL.

An update takes as many references as RL takes samples (P·G), with RL's own optimiser,
schedule, prompts and number of updates, so that a gain of RL over this arm is not the
gain of more training. It sees G times as many documents as RL does: the comparison is
generous to the control.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.rl.loop import Draw, UpdateLoop
from nutgraf.rl.settings import RLSettings
from nutgraf.training.run_state import RunState
from nutgraf.training.step import gradient_step

__all__ = ["ContinuedSupervised"]


class ContinuedSupervised(UpdateLoop):
    """Maximum likelihood of the first references, in the loop of RL.

    Args:
        policy: what to train.
        settings: those of the RL run that it is the control of.
        folder: run folder; None keeps nothing on disk.
    """

    def __init__(
        self,
        policy: Any,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        folder: str | Path | None = None,
    ) -> None:
        """Compile nothing yet."""
        rows = settings.prompts * settings.samples
        path = None if folder is None else Path(folder)
        super().__init__(policy, settings, rows, path)
        self._gradient = gradient_step(policy, smoothing=0.0, rate=0.0)

    def update(self, state: RunState, draw: Draw) -> tuple[RunState, dict[str, float]]:
        """Take one update; see `UpdateLoop.update`.

        Args:
            state: weights, optimiser and position before it.
            draw: gives the next rows.

        Returns:
            The state after it, the step not yet counted, and the numbers to log.
        """
        started = time.monotonic()
        rows, batch = draw()
        grads, loss, count = self._gradient(state.values, batch, np.int32(0))
        count = float(to_numpy(count))
        state, norm = self.descend(state, grads, count)
        seconds = time.monotonic() - started
        return state, {
            "loss/supervised": float(to_numpy(loss)) / max(count, 1.0),
            "train/gradient_norm": norm,
            "sample/length": count / len(rows),
            "time/update": seconds,
            "time/tokens_per_second": count / seconds,
        }
