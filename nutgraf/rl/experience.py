"""From a rollout to the arrays that a gradient is taken of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import tree

from nutgraf.arrays import Batch, Rollout
from nutgraf.layers.packing import packed_size, packing_of
from nutgraf.rl.algorithm import Experience

__all__ = ["experience_of", "packed", "split"]


def experience_of(
    rollout: Rollout, first: int = 0
) -> tuple[Experience, np.ndarray | None]:
    """Take what is learned from out of a rollout.

    Args:
        rollout: rewarded samples.
        first: number of leading samples of each group that are not learned from: 0, or
            1 for the greedy text.

    Returns:
        The experience, reference log-probs and advantages 0; and the (P,) rewards of
        the greedy texts, None without them.
    """
    log_probs = rollout.log_probs[:, first:]
    support = rollout.support
    given = Experience(
        batch=Batch(*(np.asarray(array) for array in rollout.batch)),
        actions=rollout.actions[:, first:],
        mask=rollout.mask[:, first:],
        old_log_probs=log_probs,
        ref_log_probs=np.zeros_like(log_probs),
        advantages=np.zeros_like(log_probs),
        support=None if support is None else support[:, first:],
    )
    return given, rollout.rewards[:, 0] if first else None


def split(given: Experience, size: int) -> list[Experience]:
    """Split by prompts.

    Args:
        given: arrays of P prompts.
        size: prompts per micro-batch; a divisor of P.

    Returns:
        The micro-batches, in order.
    """
    prompts = given.actions.shape[0]

    def rows(start: int) -> Experience:
        return tree.map_structure(
            lambda array: None if array is None else array[start : start + size], given
        )

    return [rows(start) for start in range(0, prompts, size)]


def packed(parts: Sequence[Experience]) -> list[Experience]:
    """Compute nothing for what does not count.

    Args:
        parts: micro-batches of one shape.

    Returns:
        The same with packings of one size, so that one compiled function serves all.
    """
    reached = [_up_to_last(part.mask) for part in parts]
    size = packed_size(reached)
    return [
        part._replace(packing=packing_of(mask, size))
        for part, mask in zip(parts, reached, strict=True)
    ]


def _up_to_last(mask: np.ndarray) -> np.ndarray:
    """(..., T) bool, True up to each text's last token that counts."""
    backwards = np.asarray(mask)[..., ::-1]
    return np.maximum.accumulate(backwards, axis=-1)[..., ::-1]
