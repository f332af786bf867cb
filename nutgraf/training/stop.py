"""When a training is to stop before its end: after a time, or at the first Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

__all__ = ["StopSignal"]

_NOTE = b"\nstopping after this update; Ctrl-C again stops at once\n"


class StopSignal:
    """Tells a loop to save and stop; the first Ctrl-C within the context sets it.

    A second Ctrl-C interrupts at once, as does the first outside of the main thread or
    where another program handles the signal: what was saved before is what is left.

    Args:
        seconds: after which it is due, counted from now.

    Attributes:
        interrupted: whether Ctrl-C was pressed.

    Example:
        >>> with StopSignal(seconds=60) as stop:
        ...     stop.due
        False
    """

    def __init__(self, seconds: float = math.inf) -> None:
        """Start the clock."""
        self._deadline = time.monotonic() + seconds
        self._before: Any = None
        self.interrupted = False

    @property
    def due(self) -> bool:
        """Whether the loop should save and stop."""
        return self.interrupted or time.monotonic() > self._deadline

    def __enter__(self) -> StopSignal:
        """Listen to Ctrl-C."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Stop listening; a noted Ctrl-C becomes the KeyboardInterrupt that it was."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
        if self.interrupted and kind is None:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        os.write(2, _NOTE)  # sys.stderr may be in the middle of a line
