"""What a user sees while RL runs: reward, KL, length, speed, time left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nutgraf.rl.loop import Watcher
from nutgraf.training.log import progress_bar

__all__ = ["line_of", "live_display"]

_SHOWN = (
    ("reward/mean", "reward {:.3f}"),
    ("loss/supervised", "loss {:.3f}"),
    ("policy/kl_to_start", "KL {:.3f}"),
    ("sample/length", "length {:.1f}"),
    ("time/tokens_per_second", "{:,.0f} tokens/s"),
)
_PACE = 0.1
"""Weight of the newest update in the running mean that is shown."""


def line_of(record: dict[str, float]) -> str:
    """Return the numbers of an update as a short line.

    Args:
        record: numbers by the names of `metrics.jsonl`; those absent are left out.

    Returns:
        Text such as "reward 0.214  KL 0.013  length 11.2  2,104 tokens/s".

    Example:
        >>> line_of({"reward/mean": 0.25, "sample/length": 9})
        'reward 0.250  length 9.0'
    """
    return "  ".join(
        form.format(record[name]) for name, form in _SHOWN if name in record
    )


@contextlib.contextmanager
def live_display(title: str, total: int, done: int = 0) -> Iterator[Watcher]:
    """Show a bar with running means on a terminal, a line every 5 % elsewhere.

    Args:
        title: what is going on.
        total: updates of the whole run.
        done: updates done before, for a run that goes on.

    Yields:
        `watch(update, record)`, to be given to `fit`.
    """
    means: dict[str, float] = {}
    last = done
    with progress_bar(title, total, done) as advance:

        def watch(update: int, record: dict[str, float]) -> None:
            nonlocal last
            for name, value in record.items():
                before = means.get(name, value)
                means[name] = before + _PACE * (value - before)
            advance(update - last, line_of(means))
            last = update

        yield watch
