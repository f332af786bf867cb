"""Learning from pairs without a reward model: the policy is its own.

The best policy under a reward and a KL penalty is known in closed form; turned round,
the reward of a text is beta * (log policy - log reference), up to a number that its
prompt alone determines. Put into the loss of `reward_model.py`, that number cancels,
and what is left is a loss on four log-probs. IPO asks for a fixed margin of that
reward instead of an ever larger one.

All arrays are log-probs of whole texts, see `sequence_log_prob.py`: summed for DPO;
for IPO summed (the paper) or averaged (TRL), which changes the meaning of beta.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.log_ratio import log_ratio
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["dpo_loss", "implicit_rewards", "ipo_loss"]

Array = Any


def _advance(
    chosen: Array, rejected: Array, ref_chosen: Array, ref_rejected: Array
) -> Array:
    """Return (P,) nats, how much more the policy prefers `chosen` than the reference.

    The reference gets no gradient.
    """
    check_same_shape(
        chosen=chosen,
        rejected=rejected,
        ref_chosen=ref_chosen,
        ref_rejected=ref_rejected,
    )
    ref_chosen = ops.stop_gradient(ops.convert_to_tensor(ref_chosen))
    ref_rejected = ops.stop_gradient(ops.convert_to_tensor(ref_rejected))
    return log_ratio(chosen, ref_chosen) - log_ratio(rejected, ref_rejected)


def _check_beta(beta: float) -> None:
    if not beta > 0.0:
        raise ConfigError(
            f"beta must be greater than 0. Received: beta={beta}. 0.1 is usual; larger "
            "stays nearer to the reference."
        )


def implicit_rewards(
    log_probs: Array, ref_log_probs: Array, *, beta: float = 0.1
) -> Array:
    """Return the rewards by which the policy differs from the reference, no gradient.

    beta * (log policy - log reference) of each text. Only differences within a prompt
    mean anything; `reward_model.pair_accuracy` takes them.

    Args:
        log_probs: (P,) float32 nats, of each text under the policy.
        ref_log_probs: (P,) float32 nats, of the same under the reference.
        beta: > 0, reward units per nat.

    Returns:
        (P,) float32, reward units.

    Raises:
        ConfigError: `beta` is not greater than 0.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> float(implicit_rewards(np.float32([-3.0]), np.float32([-5.0]), beta=0.5)[0])
        1.0

    Reference: Rafailov et al. 2023, "Direct Preference Optimization", eq. 5, arXiv
    2305.18290.
    """
    check_same_shape(log_probs=log_probs, ref_log_probs=ref_log_probs)
    _check_beta(beta)
    return beta * ops.stop_gradient(log_ratio(log_probs, ref_log_probs))


def dpo_loss(
    chosen: Array,
    rejected: Array,
    ref_chosen: Array,
    ref_rejected: Array,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Array:
    """Return the DPO loss of each pair, to be minimised.

    -log sigmoid(beta * h), h = log-ratio of chosen - log-ratio of rejected. With label
    smoothing e (conservative DPO) the mean, 1 - e to e, of the losses of both orders.

    Args:
        chosen: (P,) float32 nats, summed log-prob of the preferred text, policy.
        rejected: (P,) float32 nats, of the other text, policy.
        ref_chosen: (P,) float32 nats, of the preferred text, reference.
        ref_rejected: (P,) float32 nats, of the other text, reference.
        beta: > 0; larger stays nearer to the reference.
        label_smoothing: in [0, 0.5), the share of pairs that are labelled wrongly.

    Returns:
        (P,) float32 nats; log 2 where policy and reference agree.

    Raises:
        ConfigError: `beta` or `label_smoothing` is out of range.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> better, worse = np.float32([-4.0]), np.float32([-6.0])
        >>> loss = dpo_loss(better, worse, better - 1, worse + 1, beta=0.5)
        >>> round(float(loss[0]), 4)  # h = 2, -log sigmoid(1)
        0.3133

    Reference: Rafailov et al. 2023, "Direct Preference Optimization", eq. 7, arXiv
    2305.18290; conservative DPO: Mitchell 2023, "A note on DPO with noisy preferences".
    """
    _check_beta(beta)
    if not 0.0 <= label_smoothing < 0.5:
        raise ConfigError(
            "label_smoothing must be in [0, 0.5). Received: "
            f"label_smoothing={label_smoothing}. 0 turns it off."
        )
    logits = beta * _advance(chosen, rejected, ref_chosen, ref_rejected)
    loss = -(1.0 - label_smoothing) * ops.log_sigmoid(logits)
    if not label_smoothing:
        return loss
    return loss - label_smoothing * ops.log_sigmoid(-logits)


def ipo_loss(
    chosen: Array,
    rejected: Array,
    ref_chosen: Array,
    ref_rejected: Array,
    *,
    beta: float = 0.1,
) -> Array:
    """Return the IPO loss of each pair, to be minimised: (h - 1 / (2 beta))^2.

    h = log-ratio of chosen - log-ratio of rejected. The margin is a target, not a
    direction: a pair on which all agree does not drive the policy to the end.

    Args:
        chosen: (P,) float32 nats, log-prob of the preferred text, policy. Averaged over
            its tokens as in TRL, or summed as in the paper; all four alike.
        rejected: (P,) float32 nats, of the other text, policy.
        ref_chosen: (P,) float32 nats, of the preferred text, reference.
        ref_rejected: (P,) float32 nats, of the other text, reference.
        beta: > 0, tau of the paper; the target of h is 1 / (2 beta) nats, per token
            when averaged.

    Returns:
        (P,) float32, nats squared.

    Raises:
        ConfigError: `beta` is not greater than 0.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> better, worse = np.float32([-4.0]), np.float32([-6.0])
        >>> float(ipo_loss(better, worse, better - 1, worse + 1, beta=0.5)[0])
        1.0

    Reference: Azar et al. 2024, "A General Theoretical Paradigm to Understand Learning
    from Human Preferences", eq. 17, arXiv 2310.12036.
    """
    _check_beta(beta)
    advance = _advance(chosen, rejected, ref_chosen, ref_rejected)
    return ops.square(advance - 0.5 / beta)
