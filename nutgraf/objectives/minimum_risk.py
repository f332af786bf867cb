"""Minimum risk training: the expected reward over the samples at hand.

The G samples of a prompt stand for all its texts: their probabilities, sharpened and
normalised among themselves, weigh their rewards. This is a number that can be
differentiated as it is, so there is no baseline and no estimator; texts of references
or of beam search may be among the samples. With sharpness -> 0 its gradient becomes
that of `policy_gradient.py` with the group's mean as the baseline, times the sharpness.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.arrays import check_shapes
from nutgraf.errors import ConfigError
from nutgraf.objectives.sequence_log_prob import sequence_log_prob

__all__ = ["minimum_risk_loss"]

Array = Any

_BELOW_ALL = -3e38


def minimum_risk_loss(
    log_probs: Array,
    rewards: Array,
    mask: Array,
    valid: Array | None = None,
    *,
    sharpness: float = 5e-3,
) -> Array:
    """Return the expected risk of each prompt, -sum_g q_g * reward_g.

    q = softmax over the group of sharpness * log-prob of the text.

    Args:
        log_probs: (P, G, T) float32 nats, of each token under the policy.
        rewards: (P, G) float32; a risk is a negative reward. No gradient flows here.
        mask: (P, G, T) bool, True = this token counts.
        valid: (P, G) bool, False = leave this text out; None = all count. The paper
            sums over *different* texts: to follow it, mark all but the first copy of
            a text False; left in, each copy counts.
        sharpness: > 0, alpha of the paper. Small: q is flat, all texts learn; 1: the
            policy's own probabilities, nearly all of which one text may have.

    Returns:
        (P,) float32, reward units, to be minimised; 0 where no text is valid. Average
        it over prompts that have one: `reduce.token_mean(loss, any valid)`.

    Raises:
        ConfigError: `sharpness` is not greater than 0.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> log_probs = np.log(np.float32([[[0.2], [0.6]]]))
        >>> rewards, mask = np.float32([[1, 5]]), np.ones((1, 2, 1), bool)
        >>> loss = minimum_risk_loss(log_probs, rewards, mask, sharpness=1.0)
        >>> loss.__array__().round(4).tolist()
        [-4.0]

    Reference: Shen et al. 2016, "Minimum Risk Training for Neural Machine
    Translation", section 3, arXiv 1512.02433 (which takes risks, not rewards).
    """
    check_shapes(
        log_probs=(log_probs, "P G T"), rewards=(rewards, "P G"), mask=(mask, "P G T")
    )
    if not sharpness > 0.0:
        raise ConfigError(
            f"sharpness must be greater than 0. Received: sharpness={sharpness}. The "
            "paper uses 0.005."
        )
    if valid is None:
        valid = ops.ones_like(rewards)
    check_shapes(rewards=(rewards, "P G"), valid=(valid, "P G"))
    valid = ops.cast(valid, "bool")
    rewards = ops.where(valid, ops.cast(rewards, "float32"), 0.0)
    scores = sharpness * ops.cast(sequence_log_prob(log_probs, mask), "float32")
    scores = ops.where(valid, scores, _BELOW_ALL)  # (P, G)
    weights = ops.exp(scores - ops.logsumexp(scores, axis=-1, keepdims=True))
    return -ops.sum(weights * ops.stop_gradient(rewards), axis=-1)
