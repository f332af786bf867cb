"""A penalty that grows as a text nears the length limit.

A text that is cut at the limit tells little about its quality, and a sudden punishment
of it is noise; a slope before the limit gives the policy something to follow.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError

__all__ = ["soft_overlong_penalty"]

Array = Any


def soft_overlong_penalty(length: Array, *, limit: int, buffer: int) -> Array:
    """Return the penalty of each text, to be added to its reward: in [-1, 0].

    0 up to limit - buffer tokens, then straight down to -1 at the limit, and -1 beyond.

    Args:
        length: (...) int32 or float32, tokens of each text, the end action included.
        limit: tokens, from which on the penalty is full; usually the limit of the
            sampler.
        buffer: tokens before the limit in which it grows; in [1, limit].

    Returns:
        (...) float32 in [-1, 0].

    Raises:
        ConfigError: `buffer` is outside [1, limit].

    Example:
        >>> import numpy as np
        >>> lengths = np.int32([10, 80, 90, 100, 120])
        >>> soft_overlong_penalty(lengths, limit=100, buffer=20).__array__().tolist()
        [0.0, 0.0, -0.5, -1.0, -1.0]

    Reference: Yu et al. 2025, "DAPO", eq. 13, arXiv 2503.14476.
    """
    if not 1 <= buffer <= limit:
        raise ConfigError(
            "buffer must be in [1, limit] tokens. Received: "
            f"buffer={buffer}, limit={limit}. DAPO uses a fifth of the limit."
        )
    length = ops.cast(length, "float32")
    return ops.clip((limit - buffer - length) / buffer, -1.0, 0.0)
