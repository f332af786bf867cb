"""Losses with limits on the ratio, and the share of tokens that the limits touch.

What PPO, GRPO and their kin put into `Algorithm`. All that they differ in here is whose
ratio is limited: that of a token, of its text, or of a token as a weight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from keras import ops

from nutgraf.objectives.cispo import cispo_loss
from nutgraf.objectives.grpo import clip_share, clipped_policy_loss
from nutgraf.objectives.sequence_ratio import sequence_level
from nutgraf.rl.algorithm import Experience

__all__ = ["Limited", "Ratio", "limited"]

Array = Any
Ratio = Literal["token", "sequence", "weight"]


class Limited(NamedTuple):
    """A loss and the share that is clipped.

    Attributes:
        loss: `Algorithm.token_loss`.
        share: `Algorithm.clip_share`.
    """

    loss: Callable[[Array, Experience], Array]
    share: Callable[[Array, Experience], tuple[Array, Array]]


def limited(ratio: Ratio, **limits: float | None) -> Limited:
    """Return the loss of a token under limits of its ratio.

    Args:
        ratio: "token" or "sequence": what is compared with the limits; "weight": the
            ratio of a token weighs its loss and is cut above (CISPO).
        **limits: those of `clipped_policy_loss`; `clip_range_high` with "weight".

    Returns:
        The loss, and the share of tokens that are clipped.

    Example:
        >>> import numpy as np
        >>> one = np.ones((1, 1, 2), "float32")
        >>> given = Experience(None, None, one > 0, 0 * one, 0 * one, one)
        >>> loss, share = limited("token", clip_range=0.2)
        >>> log_probs = np.log(np.float32([[[1.5, 1.1]]]))
        >>> [float(part) for part in share(log_probs, given)]
        [1.0, 2.0]
    """
    return _weighed(limits) if ratio == "weight" else _clipped(ratio, limits)


def _weighed(limits: dict[str, Any]) -> Limited:
    """A ratio is a weight, cut above and kept without gradient."""
    top = 1.0 + limits["clip_range_high"]

    def loss(log_probs: Array, given: Experience) -> Array:
        old = given.old_log_probs
        return cispo_loss(log_probs, old, given.advantages, ratio_high=top)

    def share(log_probs: Array, given: Experience) -> tuple[Array, Array]:
        up = ops.ones_like(log_probs)  # a weight is cut whatever the advantage is
        return clip_share(log_probs, given.old_log_probs, up, given.mask, **limits)

    return Limited(loss, share)


def _clipped(ratio: Ratio, limits: dict[str, Any]) -> Limited:
    """A ratio beyond its limit is not rewarded."""

    def compared(log_probs: Array, given: Experience) -> tuple[Array, Array, Array]:
        old = given.old_log_probs
        if ratio == "sequence":
            log_probs = sequence_level(log_probs, old, given.mask)
        return log_probs, old, given.advantages

    def loss(log_probs: Array, given: Experience) -> Array:
        return clipped_policy_loss(*compared(log_probs, given), **limits)

    def share(log_probs: Array, given: Experience) -> tuple[Array, Array]:
        return clip_share(*compared(log_probs, given), given.mask, **limits)

    return Limited(loss, share)
