"""Learning a reward from pairs: of two texts, one was preferred.

The model gives each text a number; the probability that the first is preferred is
taken to be sigmoid(difference) (Bradley and Terry 1952). Only differences are learned,
so the numbers may drift away together; `centring_penalty` holds them around 0.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.shapes import check_same_shape

__all__ = ["centring_penalty", "pair_accuracy", "pairwise_loss"]

Array = Any


def _pair(chosen: Array, rejected: Array) -> tuple[Array, Array]:
    check_same_shape(chosen=chosen, rejected=rejected)
    return ops.cast(chosen, "float32"), ops.cast(rejected, "float32")


def pairwise_loss(
    chosen: Array, rejected: Array, *, margin: Array | float = 0.0
) -> Array:
    """Return -log sigmoid(chosen - rejected - margin) of each pair, to be minimised.

    Args:
        chosen: (P,) float32, reward of the preferred text.
        rejected: (P,) float32, reward of the other.
        margin: number, or (P,) float32 >= 0: by how much the preferred one should win,
            for instance more where people were surer.

    Returns:
        (P,) float32 nats; log 2 for equal rewards and no margin.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> chosen, rejected = np.float32([1.0, 2.0]), np.float32([1.0, 0.0])
        >>> loss = pairwise_loss(chosen, rejected).__array__()
        >>> loss.astype("float64").round(4).tolist()
        [0.6931, 0.1269]

    Reference: Stiennon et al. 2020, "Learning to summarize from human feedback",
    section 3.4, arXiv 2009.01325; the margin: Touvron et al. 2023, "Llama 2", eq. 2,
    arXiv 2307.09288.
    """
    chosen, rejected = _pair(chosen, rejected)
    margin = ops.cast(margin, "float32")
    if len(margin.shape):
        check_same_shape(chosen=chosen, margin=margin)
    return -ops.log_sigmoid(chosen - rejected - margin)


def centring_penalty(chosen: Array, rejected: Array) -> Array:
    """Return (chosen + rejected)^2 of each pair: 0 where they lie around 0.

    Add it to the loss with a small weight (0.01 in the paper).

    Args:
        chosen: (P,) float32, reward of the preferred text.
        rejected: (P,) float32, reward of the other.

    Returns:
        (P,) float32.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> float(centring_penalty(np.float32([3.0]), np.float32([-1.0]))[0])
        4.0

    Reference: Eisenstein et al. 2023, "Helping or Herding? Reward Model Ensembles
    Mitigate but do not Eliminate Reward Hacking", arXiv 2312.09244.
    """
    chosen, rejected = _pair(chosen, rejected)
    return ops.square(chosen + rejected)


def pair_accuracy(chosen: Array, rejected: Array) -> Array:
    """Return 1 for each pair that is ordered as people did, 1/2 for a tie, else 0.

    Args:
        chosen: (P,) float32, reward of the preferred text.
        rejected: (P,) float32, reward of the other.

    Returns:
        (P,) float32, for `reduce.token_sum_count` with the pairs that count.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> chosen, rejected = np.float32([2, 1, 0]), np.float32([1, 1, 1])
        >>> pair_accuracy(chosen, rejected).__array__().tolist()
        [1.0, 0.5, 0.0]
    """
    chosen, rejected = _pair(chosen, rejected)
    return 0.5 * (1.0 + ops.sign(chosen - rejected))
