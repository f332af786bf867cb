"""The log of a probability ratio, safe to exponentiate.

Both the clipped policy loss and the KL estimates exponentiate a difference of
log-probs. A difference of 100 nats is no signal but a mistake or a masked token; left
alone it becomes inf, and inf * 0 at a masked token makes the whole gradient NaN.
"""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["LIMIT", "finite_log_probs", "log_ratio", "log_ratio_clamped"]

Array = Any

LIMIT = 20.0
"""Largest log-ratio in nats that is exponentiated; exp(20) is about 5e8."""

# Stands for -inf, so that "impossible under both" is a difference of 0 and not NaN.
_IMPOSSIBLE = -1e9


def finite_log_probs(log_probs: Array) -> Array:
    """Return log-probs with -1e9 in the place of -inf: -inf * 0 would be NaN.

    Args:
        log_probs: (..., T) float32 nats.

    Returns:
        (..., T) float32 nats, finite; no gradient flows to what was -inf.

    Example:
        >>> import numpy as np
        >>> float(finite_log_probs(np.float32([-np.inf]))[0])
        -1000000000.0
    """
    return ops.maximum(log_probs, _IMPOSSIBLE)


def log_ratio(log_probs: Array, other_log_probs: Array) -> Array:
    """Return log(p / q) of each token, finite also where p or q is 0.

    Args:
        log_probs: (..., T) float32 nats, log p; -inf allowed.
        other_log_probs: (..., T) float32 nats, log q; -inf allowed.

    Returns:
        (..., T) float32 nats; 0 where both are impossible.

    Example:
        >>> import numpy as np
        >>> one, never = np.float32([-1.0]), np.float32([-np.inf])
        >>> float(log_ratio(one, one - 1)[0]), float(log_ratio(never, never)[0])
        (1.0, 0.0)
    """
    return finite_log_probs(log_probs) - finite_log_probs(other_log_probs)


def log_ratio_clamped(log_probs: Array, other_log_probs: Array) -> Array:
    """Return log(p / q) of each token within [-LIMIT, LIMIT].

    Outside the limits the gradient is 0.

    Args:
        log_probs: (..., T) float32 nats, log p; -inf allowed.
        other_log_probs: (..., T) float32 nats, log q; -inf allowed.

    Returns:
        (..., T) float32 nats in [-20, 20].

    Example:
        >>> import numpy as np
        >>> float(log_ratio_clamped(np.float32([-1]), np.float32([-np.inf]))[0])
        20.0
    """
    return ops.clip(log_ratio(log_probs, other_log_probs), -LIMIT, LIMIT)
