"""What a run tells as it goes: `metrics.jsonl`, TensorBoard events, a progress bar."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from nutgraf.errors import RunError

__all__ = ["MetricsLog", "check_finite", "progress_bar", "read_metrics"]

_WIDE = 120
"""Columns of a screen from which a long bar leaves room for the text."""


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Read the records of a run, oldest first.

    Args:
        folder: run folder.

    Returns:
        One dictionary per line of `metrics.jsonl`; a torn last line is left out.
    """
    path = Path(folder) / "metrics.jsonl"
    records: list[dict[str, Any]] = []
    if not path.is_file():
        return records
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def check_finite(record: Mapping[str, float], update: int) -> None:
    """Refuse to go on from numbers that are no longer finite.

    Args:
        record: what is to be logged: name -> number.
        update: whose numbers they are, for the message.

    Raises:
        RunError: one of them is NaN or infinite.
    """
    for name, value in record.items():
        if not math.isfinite(value):
            raise RunError(
                f"The loss must stay finite. Received: {name}={value} in update "
                f"{update}. Start anew with a lower training.learning_rate."
            )


class MetricsLog:
    """Append-only record of a run.

    Args:
        folder: run folder; made when absent.
        step: records later than this step are dropped: they belong to work that an
            interrupted run lost and that is done again.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        """Open the files, after cutting what will be done again."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = [record for record in read_metrics(folder) if record["step"] <= step]
        path = folder / "metrics.jsonl"
        text = "".join(json.dumps(record) + "\n" for record in kept)
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
        self._file = path.open("a", encoding="utf-8")
        self._events = _event_writer(folder / "tensorboard", step)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add one record.

        Args:
            step: updates done.
            values: name (with a group prefix, `train/loss`) -> number.
        """
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._events is not None:
            self._events.add(step, values)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._events is not None:
            self._events.close()


class _Events:
    """TensorBoard scalars through the `tensorboard` package, without TensorFlow."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(folder))

    def add(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            if isinstance(value, int | float):
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


def _event_writer(folder: Path, step: int) -> _Events | None:
    """Return a writer where `tensorboard` is installed (`pip install tensorboard`)."""
    del step  # later events of a resumed run shadow the lost ones in TensorBoard
    try:
        return _Events(folder)
    except ImportError:
        return None


@contextlib.contextmanager
def progress_bar(title: str, total: int, done: int = 0) -> Iterator[Any]:
    """Show a bar with speed and time left on a terminal, some plain lines elsewhere.

    Args:
        title: what is going on.
        total: number of updates.
        done: updates done before.

    Yields:
        `advance(count, text)`: go on by `count` and show `text`.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    console = Console(file=sys.stderr)
    whole = Column(no_wrap=True)  # only the text is folded where the screen is narrow
    progress = Progress(
        TextColumn(title),
        BarColumn(bar_width=24 if console.width >= _WIDE else 8),
        MofNCompleteColumn(table_column=whole.copy()),
        TextColumn("{task.fields[text]}", table_column=Column()),
        TimeElapsedColumn(table_column=whole.copy()),
        TextColumn("left"),
        TimeRemainingColumn(table_column=whole.copy()),
        console=console,
        disable=not console.is_terminal,
        speed_estimate_period=120,
    )
    with progress:
        task = progress.add_task(title, total=total, completed=done, text="")
        shown = done

        def advance(count: int, text: str) -> None:
            nonlocal shown
            progress.update(task, advance=count, text=text)
            before, shown = shown, shown + count
            every = max(1, total // 20)
            due = shown // every > before // every or shown == total
            if due and not console.is_terminal:
                left = progress.tasks[task].time_remaining
                line = f"{title} {shown}/{total} {text}"
                if left:
                    line += f"  {timedelta(seconds=int(left))} left"
                console.print(line, highlight=False, soft_wrap=True)

        yield advance
