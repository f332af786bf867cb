"""What a run is, for its `run.json`, and whether a folder can go on with it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nutgraf.backend import describe
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.training.run_state import latest_checkpoint

__all__ = ["plain", "refuse_other_rows", "refuse_other_settings", "rows_name"]
__all__ += ["run_card"]

_FREE = ("out", "max_minutes", "guard.")
"""Settings that may change when a run goes on, as they change nothing that it learns;
with a dot at the end, a whole section."""


def plain(settings: Any) -> dict[str, Any]:
    """Return settings as they come back from JSON.

    Args:
        settings: a dataclass.

    Returns:
        Nested dictionaries; tuples are lists.
    """
    found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return found


def run_card(settings: Any, policy: Any, data: str) -> dict[str, Any]:
    """Return what a run is: settings, versions, model, rows.

    Args:
        settings: the settings of the run, a dataclass.
        policy: an `EncoderDecoderPolicy`.
        data: a name or fingerprint that changes when the rows do.

    Returns:
        Plain values.
    """
    return {
        "settings": plain(settings),
        "versions": describe(),
        "model": dataclasses.asdict(policy.model.config),
        "weights": policy.model.count_params(),
        "data": data,
    }


def rows_name(rows: Sequence[Row]) -> str:
    """Return a name of rows that changes when one of them does.

    Args:
        rows: the rows.

    Returns:
        How many there are, and a hash of all that they hold.

    Example:
        >>> rows_name([])
        '0 rows, e3b0c44298fc1c14'
    """
    stamp = hashlib.sha256()
    for row in rows:
        told = row.id, row.document, row.references, row.starts
        stamp.update(repr(told).encode())
    return f"{len(rows):,} rows, {stamp.hexdigest()[:16]}"


def _started(folder: Path) -> dict[str, Any]:
    """The card of the run in a folder; empty unless it has a checkpoint."""
    path = folder / "run.json"
    if latest_checkpoint(folder / "checkpoints") is None or not path.is_file():
        return {}
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return card


def refuse_other_rows(folder: Path, data: str) -> None:
    """Refuse other rows: going on would be neither the old run nor a new one.

    Args:
        folder: run folder; one without a checkpoint may take any rows.
        data: as in `run_card`.

    Raises:
        ConfigError: the run in the folder was started with other rows.
    """
    started = _started(folder).get("data", data)
    if started != data:
        raise ConfigError(
            f"{folder} must be resumed with the rows it was started with, {started}. "
            f"Received: {data}. The data settings or files changed, or, for "
            "docstrings, a package was installed. Use another `out` for a new run."
        )


def refuse_other_settings(folder: Path, settings: Any) -> None:
    """Refuse other settings, but for those that say where to, how long, how guarded.

    Args:
        folder: run folder; one without a checkpoint may take any settings.
        settings: the settings of the run, a dataclass.

    Raises:
        ConfigError: the run in the folder was started with other settings.
    """
    now = _flat(plain(settings))
    before = _flat(_started(folder).get("settings", plain(settings)))
    other = [key for key in now if not _is_free(key) and now[key] != before.get(key)]
    if other:
        listed = ", ".join(f"{key} = {now[key]!r}" for key in other)
        old = ", ".join(f"{key} = {before.get(key)!r}" for key in other)
        raise ConfigError(
            f"{folder} must be resumed with the settings it was started with: {old}. "
            f"Received: {listed}. Use another `out` for a new run."
        )


def _is_free(key: str) -> bool:
    return key in _FREE or f"{key.partition('.')[0]}." in _FREE


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        inner = isinstance(value, dict)
        found |= _flat(value, f"{prefix}{name}.") if inner else {prefix + name: value}
    return found
