"""The backend loaded without the log lines that its C++ part prints at start."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["load_backend", "quiet_stderr"]


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what any code, C++ included, writes to standard error.

    When the block raises, what was held back is written after all.

    Yields:
        Nothing.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def load_backend() -> None:
    """Import Keras and its backend; call it first in a command that needs them."""
    # TensorFlow reports what it did not find on this machine; its errors are raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import nutgraf.backend  # noqa: F401
