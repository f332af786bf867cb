"""The learning rate as a function of the update."""

from __future__ import annotations

import math

from nutgraf.errors import ConfigError

__all__ = ["learning_rate"]


def learning_rate(
    step: int, *, peak: float, warmup: int, total: int, floor: float = 0.0
) -> float:
    """Rise linearly to the peak, then fall along half a cosine.

    Args:
        step: int >= 0, updates done before this one.
        peak: highest rate, > 0.
        warmup: updates until the peak, >= 0.
        total: updates of the whole run, > 0; later ones stay at the floor.
        floor: share of the peak that is left at the end, in [0, 1].

    Returns:
        The rate.

    Raises:
        ConfigError: a value is out of range.

    Example:
        >>> learning_rate(0, peak=1.0, warmup=10, total=110)
        0.1
        >>> round(learning_rate(60, peak=1.0, warmup=10, total=110), 3)
        0.5

    Reference: Loshchilov & Hutter 2017, "SGDR", eq. 5, arXiv 1608.03983.
    """
    if peak <= 0 or warmup < 0 or total <= 0 or not 0 <= floor <= 1:
        raise ConfigError(
            "peak and total must be > 0, warmup >= 0, floor in [0, 1]. Received: "
            f"peak={peak}, warmup={warmup}, total={total}, floor={floor}. Change the "
            "one that is out of its range."
        )
    if step < warmup:
        return peak * (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done)))
