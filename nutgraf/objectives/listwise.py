"""Learning to rank a list of documents from grades of relevance.

`listwise_loss` compares the list as a whole: softmax cross-entropy between the grades
and the scores (ListNet's top-one form). `pointwise_loss` asks of each document alone
whether it is relevant. Contrastive learning is the first with one relevant document
(`contrastive.py`).

Reference: Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise
Approach", ICML; Nogueira and Cho 2019, "Passage Re-ranking with BERT", eq. 1,
arXiv 1901.04085.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.objectives.shapes import check_same_shape

__all__ = ["listwise_loss", "masked_log_softmax", "pointwise_loss"]

Array = Any

_NEVER = -1e9


def masked_log_softmax(scores: Array, mask: Array | None = None) -> Array:
    """Return log-probs over the candidates that count.

    Args:
        scores: (..., C) float32.
        mask: (..., C) bool, True = a candidate; None = all are.

    Returns:
        (..., C) float32 nats; 0 where there is no candidate.
    """
    scores = ops.cast(scores, "float32")
    if mask is None:
        return ops.log_softmax(scores, axis=-1)
    log_probs = ops.log_softmax(ops.where(mask, scores, _NEVER), axis=-1)
    return ops.where(mask, log_probs, 0.0)


def listwise_loss(scores: Array, grades: Array, mask: Array | None = None) -> Array:
    """Return the cross-entropy of the grades' shares and the scores' softmax.

    -sum_d (grade_d / sum of grades) log softmax(scores)_d

    Args:
        scores: (..., C) float32, of C candidates.
        grades: (..., C) float32 >= 0, relevance; 0 = not relevant.
        mask: (..., C) bool, True = a candidate; None = all are.

    Returns:
        (...) float32 nats; 0 for a list without a relevant candidate.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> loss = listwise_loss(np.float32([[0, 0]]), np.float32([[1, 0]]))
        >>> round(float(loss[0]), 4)
        0.6931

    Reference: Cao et al. 2007, section 4.2.
    """
    check_same_shape(scores=scores, grades=grades)
    if mask is not None:
        check_same_shape(scores=scores, mask=mask)
    grades = ops.cast(grades, "float32")
    grades = grades if mask is None else ops.where(mask, grades, 0.0)
    total = ops.sum(grades, axis=-1, keepdims=True)
    shares = grades / ops.maximum(total, 1e-9)
    return -ops.sum(shares * masked_log_softmax(scores, mask), axis=-1)


def pointwise_loss(scores: Array, relevant: Array, mask: Array | None = None) -> Array:
    """Return the binary cross-entropy of each candidate, averaged over the list.

    Args:
        scores: (..., C) float32, logits of "is relevant".
        relevant: (..., C) float32 in [0, 1] or bool.
        mask: (..., C) bool, True = a candidate; None = all are.

    Returns:
        (...) float32 nats; 0 for a list without candidates.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> loss = pointwise_loss(np.float32([[0, 0]]), np.float32([[1, 0]]))
        >>> round(float(loss[0]), 4)
        0.6931

    Reference: Nogueira and Cho 2019, eq. 1.
    """
    check_same_shape(scores=scores, relevant=relevant)
    scores, wanted = ops.cast(scores, "float32"), ops.cast(relevant, "float32")
    counts = ops.ones_like(scores)
    if mask is not None:
        check_same_shape(scores=scores, mask=mask)
        counts = ops.cast(mask, "float32")
        scores = ops.where(mask, scores, 0.0)
    losses = -(
        wanted * ops.log_sigmoid(scores) + (1.0 - wanted) * ops.log_sigmoid(-scores)
    )
    total = ops.sum(ops.where(counts > 0, losses, 0.0), axis=-1)
    return total / ops.maximum(ops.sum(counts, axis=-1), 1.0)
