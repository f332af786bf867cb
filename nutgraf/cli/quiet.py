"""What a command says, and the backend loaded without the lines its C++ part prints."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["load_backend", "quiet_stderr", "say"]


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


def say(line: str) -> None:
    """Print a line at once, also into a pipe.

    Args:
        line: text without a line break at its end.
    """
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
