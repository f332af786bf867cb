"""One ratio for a whole text instead of one per token (GSPO, RLOO).

The reward belongs to the text, so the importance weight should too. Nothing is added
to the losses: `sequence_level` replaces the log-probs that go into them, such that
every token carries the ratio of its text, and the gradient still reaches each token's
own log-prob:

    clipped_policy_loss(sequence_level(log_probs, old_log_probs, mask),
                        old_log_probs, advantages)

`ratio`, `clip_share` and `cispo_loss` take them in the same way. The band is far
narrower than PPO's, because a mean over tokens hardly moves (3e-4 and 4e-4 in the
paper).
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.log_ratio import finite_log_probs, log_ratio
from nutgraf.objectives.sequence_log_prob import sequence_log_prob
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["sequence_level", "sequence_log_ratio"]

Array = Any


def sequence_log_ratio(
    log_probs: Array, old_log_probs: Array, mask: Array, *, average: bool = True
) -> Array:
    """Return the log-ratio of each text, summed or averaged over its tokens.

    Args:
        log_probs: (..., T) float32 nats, under the policy.
        old_log_probs: (..., T) float32 nats, under the policy that sampled; no gradient
            flows here.
        mask: (..., T) bool, True = this token counts.
        average: divide by the number of tokens (GSPO); False gives the log-ratio of the
            text itself (RLOO), which varies more the longer the text.

    Returns:
        (...) float32 nats; 0 for a text in which no token counts.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.float32([-1, -3, 9]), np.float32([-2, -6, 0])
        >>> mask = np.array([True, True, False])
        >>> float(sequence_log_ratio(new, old, mask))
        2.0

    Reference: Zheng et al. 2025, "Group Sequence Policy Optimization", eq. 7, arXiv
    2507.18071.
    """
    check_same_shape(log_probs=log_probs, old_log_probs=old_log_probs, mask=mask)
    old = ops.stop_gradient(ops.convert_to_tensor(old_log_probs))
    return sequence_log_prob(log_ratio(log_probs, old), mask, average=average)


def sequence_level(
    log_probs: Array, old_log_probs: Array, mask: Array, *, average: bool = True
) -> Array:
    """Return log-probs whose ratio to the old ones is that of the whole text.

    old + s + log_probs - stop(log_probs), s the log-ratio of the text: its value is
    old + s, and its gradient goes to the token itself (GSPO-token). With equal
    advantages in a text, and `reduce.sequence_mean`, the gradient is that of GSPO.

    Args:
        log_probs: (..., T) float32 nats, of each sampled token under the policy.
        old_log_probs: (..., T) float32 nats, the same under the policy that sampled;
            no gradient flows here.
        mask: (..., T) bool, True = this token counts.
        average: see `sequence_log_ratio`; False with `reduce.sequence_sum_mean` has the
            gradient of RLOO.

    Returns:
        (..., T) float32 nats. They are no log-probs of tokens any more: for the losses
        and diagnostics of the ratio only.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> new, old = np.float32([-1, -3, 9]), np.float32([-2, -6, 0])
        >>> mask = np.array([True, True, False])
        >>> (sequence_level(new, old, mask).__array__() - old).tolist()
        [2.0, 2.0, 2.0]

    Reference: Zheng et al. 2025, "Group Sequence Policy Optimization", eq. 13-14, arXiv
    2507.18071; Ahmadian et al. 2024, "Back to Basics" (RLOO), arXiv 2402.14740.
    """
    of_text = sequence_log_ratio(log_probs, old_log_probs, mask, average=average)
    own = finite_log_probs(log_probs)
    old = ops.stop_gradient(finite_log_probs(old_log_probs))
    # In this order own - stop(own) is exactly 0, and so is all of it where own is old.
    gradient_only = own - ops.stop_gradient(own)
    return old + ops.stop_gradient(of_text)[..., None] + gradient_only
