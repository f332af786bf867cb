"""Checkpoints of a running training, and going on from the newest whole one.

A checkpoint folder holds the weights, the optimiser's moments and the loop's position.
It appears under its name only when it is whole, so the newest name is always good.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nutgraf.errors import ConfigError, RunError
from nutgraf.files import atomic_folder, write_json
from nutgraf.training.optimizer import OptimizerState

__all__ = ["RunState", "latest_checkpoint", "load_state", "resume", "save_state"]

STATE = "state.json"


class RunState(NamedTuple):
    """All that a run needs to go on as if it had never stopped.

    Attributes:
        values: the weights, float32.
        optimizer: the optimiser's moments.
        position: plain numbers and strings of the loop (step, epoch, best loss, ...).
        lagged: the weights as they were some updates ago, float32; None when no use is
            made of them.
    """

    values: list[Any]
    optimizer: OptimizerState
    position: dict[str, Any]
    lagged: list[Any] | None = None


def save_state(folder: Path, names: list[str], state: RunState, keep: int = 2) -> Path:
    """Write a checkpoint and remove the oldest.

    Args:
        folder: the run's checkpoint folder.
        names: name of each weight.
        state: what to save; `position["step"]` names the checkpoint.
        keep: how many checkpoints stay.

    Returns:
        The new checkpoint's folder.
    """
    from safetensors.numpy import save_file

    from nutgraf.backend import to_numpy

    values, moments, lagged = to_numpy(
        (state.values, state.optimizer, state.lagged or [])
    )
    arrays = {}
    for kind, group in (
        ("value", values),
        ("mean", moments.means),
        ("square", moments.squares),
        ("lagged", lagged),
    ):
        # the lagged ones are the policy's, which come first
        for name, array in zip(names, group, strict=kind != "lagged"):
            arrays[f"{kind}/{name}"] = np.array(array, "float32", order="C")
    target = folder / f"step-{state.position['step']:08d}"
    with atomic_folder(target) as part:
        save_file(arrays, str(part / "arrays.safetensors"))
        position = {**state.position, "optimizer_count": int(moments.count)}
        write_json(part / STATE, position)
    for old in _checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if (path / STATE).is_file())


def latest_checkpoint(folder: Path) -> Path | None:
    """Find the newest whole checkpoint of a run.

    Args:
        folder: the run's checkpoint folder.

    Returns:
        The checkpoint's folder, None when there is none.
    """
    found = _checkpoints(folder)
    return found[-1] if found else None


def load_state(checkpoint: Path, names: list[str]) -> RunState:
    """Read a checkpoint.

    Args:
        checkpoint: a folder written by `save_state`.
        names: name of each weight, as in saving.

    Returns:
        The state, as numpy arrays.

    Raises:
        RunError: the checkpoint is of another model or torn.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        position = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        arrays = load_file(str(checkpoint / "arrays.safetensors"))
        groups = [
            [arrays[f"{kind}/{name}"] for name in names]
            for kind in ("value", "mean", "square")
        ]
        lagged = [
            arrays[key] for key in (f"lagged/{n}" for n in names) if key in arrays
        ]
        count = np.int32(position.pop("optimizer_count"))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise RunError(
            f"{checkpoint} must be a checkpoint of this model. Received: {error!r}. "
            "Resume with the settings that the run was started with, or start anew in "
            "another folder."
        ) from error
    moments = OptimizerState(count, groups[1], groups[2])
    return RunState(groups[0], moments, position, lagged or None)


def resume(folder: Path, names: list[str], settings: dict[str, Any]) -> RunState | None:
    """Read the newest checkpoint of a run that goes on with the same settings.

    Args:
        folder: the run folder.
        names: name of each weight, as in saving.
        settings: plain values, as they come back from JSON; those that the checkpoint
            does not name are not compared.

    Returns:
        The state, None when there is no checkpoint.

    Raises:
        ConfigError: the run was started with other settings.
        RunError: the checkpoint is of another model or torn.
    """
    checkpoint = latest_checkpoint(folder / "checkpoints")
    if checkpoint is None:
        return None
    state = load_state(checkpoint, names)
    before = state.position["settings"]
    keys = [key for key in settings if settings[key] != before.get(key, settings[key])]
    if keys:
        old, new = (
            ", ".join(f"{key} = {some[key]!r}" for key in keys)
            for some in (before, settings)
        )
        raise ConfigError(
            f"{folder} must be resumed with the settings it was started with: {old}. "
            f"Received: {new}. Use another folder for a new run."
        )
    return state
