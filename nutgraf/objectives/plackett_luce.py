"""Rankings as actions: the Plackett-Luce distribution, its samples, its gradient.

A ranking is drawn place by place: each time, one of the candidates that are left, with
probability softmax(scores). So its log-prob is a sum over places like that of a text is
over tokens, and the policy gradient is the one of `policy_gradient.py`. The first K
places of a sorted list of scores with Gumbel noise are such a draw.

The reward, nDCG, is a sum over places too: what was placed before a place has no part
in it. `to_go_advantages` credits a placement with the gains from its place on only, and
compares with the other samples of the query (leave one out): no bias, less variance.

Reference: Plackett 1975, "The Analysis of Permutations"; Luce 1959, "Individual Choice
Behavior"; Yellott 1977 (Gumbel noise); Oosterhuis 2021, "Computationally Efficient
Optimization of Plackett-Luce Ranking Models for Relevance and Fairness", eq. 2-8,
arXiv 2105.00855; Kool et al. 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import check_shapes
from nutgraf.errors import ConfigError
from nutgraf.objectives.advantages import leave_one_out_advantages

__all__ = ["placed", "ranking_gains", "ranking_log_probs", "sample_rankings"]
__all__ += ["to_go_advantages"]

Array = Any

_NEVER = -1e9


def sample_rankings(scores: Array, uniforms: Array, k: int, mask: Array) -> Array:
    """Draw rankings: the first k of the scores with Gumbel noise.

    Args:
        scores: (P, C) float32, of C candidates of each query.
        uniforms: (P, G, C) float32 in (0, 1), what the draws are functions of.
        k: places, 1 <= k <= C.
        mask: (P, C) bool, True = a candidate.

    Returns:
        (P, G, k) int32 candidates, best first; where fewer than k count, what does not
        count comes last (see `placed`).

    Raises:
        ConfigError: `k` is out of range.
        ValueError: shapes differ.

    Reference: Oosterhuis 2021, section 3.4.
    """
    named = {"scores": (scores, "P C"), "uniforms": (uniforms, "P G C")}
    sizes = check_shapes(**named, mask=(mask, "P C"))
    if not 1 <= k <= sizes["C"]:
        raise ConfigError(
            f"k must be in [1, {sizes['C']}], the number of candidates. Received: "
            f"k={k}. Rank fewer places, or more candidates."
        )
    noise = -ops.log(-ops.log(uniforms))
    scores = ops.stop_gradient(ops.cast(scores, "float32"))
    noisy = ops.where(mask[:, None, :], scores[:, None, :] + noise, _NEVER)
    return ops.cast(ops.top_k(noisy, k)[1], "int32")


def placed(rankings: Array, mask: Array) -> Array:
    """Say which places hold a candidate that counts.

    Args:
        rankings: (P, G, K) int32.
        mask: (P, C) bool.

    Returns:
        (P, G, K) bool.
    """
    return _of_candidates(ops.cast(mask, "float32"), rankings) > 0


def _of_candidates(values: Array, rankings: Array) -> Array:
    """The values (P, C) of the candidates at the places (P, G, K)."""
    queries, samples, places = ops.shape(rankings)
    flat = ops.reshape(rankings, (queries, samples * places))
    found = ops.take_along_axis(values, flat, axis=1)
    return ops.reshape(found, (queries, samples, places))


def ranking_log_probs(scores: Array, rankings: Array, mask: Array) -> Array:
    """Return the log-prob of each placement, given the ones before it.

    log softmax of the scores over the candidates that are left. Their sum over the
    places is the log-prob of the ranking.

    Args:
        scores: (P, C) float32.
        rankings: (P, G, K) int32, of `sample_rankings` or any K different candidates.
        mask: (P, C) bool, True = a candidate.

    Returns:
        (P, G, K) float32 nats; 0 where no candidate was left.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> found = ranking_log_probs(
        ...     np.float32([[0, 0]]), np.int32([[[1, 0]]]), np.array([[True, True]])
        ... )
        >>> found.__array__().astype("float64").round(4).tolist()
        [[[-0.6931, 0.0]]]

    Reference: Oosterhuis 2021, eq. 2.
    """
    named = {"scores": (scores, "P C"), "mask": (mask, "P C")}
    sizes = check_shapes(**named, rankings=(rankings, "P G K"))
    scores = ops.where(mask, ops.cast(scores, "float32"), _NEVER)
    chosen = ops.one_hot(rankings, sizes["C"], dtype="float32")  # (P, G, K, C)
    before = ops.cumsum(chosen, axis=2) - chosen  # 1 = taken at an earlier place
    left = ops.where(before > 0.5, _NEVER, scores[:, None, None, :])
    found = _of_candidates(scores, rankings) - ops.logsumexp(left, axis=-1)
    return ops.where(placed(rankings, mask), found, 0.0)


def ranking_gains(grades: Array, ideal: Array, rankings: Array) -> Array:
    """Return what each place adds to the nDCG.

    Args:
        grades: (P, C) float32 >= 0, what finding a candidate is worth; 0 where there
            is no candidate.
        ideal: (P,) float32, discounted gain of the best ranking of all judged
            documents, those that are no candidates among them.
        rankings: (P, G, K) int32.

    Returns:
        (P, G, K) float32; the sum over places is nDCG@K, in 0-1. 0 where `ideal` is.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> rankings = np.int32([[[0, 1], [1, 0]]])
        >>> found = ranking_gains(np.float32([[0, 1]]), np.float32([1]), rankings)
        >>> found.__array__().astype("float64").round(4).tolist()
        [[[0.0, 0.6309], [1.0, 0.0]]]

    Reference: Oosterhuis 2021, eq. 1.
    """
    named = {"grades": (grades, "P C"), "ideal": (ideal, "P")}
    sizes = check_shapes(**named, rankings=(rankings, "P G K"))
    discounts = np.float32(1.0 / np.log2(np.arange(2, sizes["K"] + 2)))
    worth = ops.convert_to_tensor(discounts)  # (K,)
    grades = ops.cast(grades, "float32")
    gains = _of_candidates(grades, rankings) * worth
    best = ops.cast(ideal, "float32")[:, None, None]
    return ops.where(best > 0, gains / ops.maximum(best, 1e-9), 0.0)


def to_go_advantages(gains: Array) -> Array:
    """Return what each placement earned from its place on, beyond the other samples.

    Args:
        gains: (P, G, K) float32, G >= 2, of `ranking_gains` or any gain per place.

    Returns:
        (P, G, K) float32: the sum of the gains from that place on, minus the mean of
        the same sum over the other samples of the query. 0 for a single sample.

    Raises:
        ValueError: the shape is another one.

    Example:
        >>> import numpy as np
        >>> to_go_advantages(np.float32([[[0, 1], [1, 0]]])).__array__().tolist()
        [[[0.0, 1.0], [0.0, -1.0]]]

    Reference: Oosterhuis 2021, eq. 8 (rewards that follow); Kool et al. 2019.
    """
    check_shapes(gains=(gains, "P G K"))
    queries, samples, places = ops.shape(gains)
    # From here on: total minus what came before, cumsum alone runs on all backends.
    gains = ops.cast(gains, "float32")
    total = ops.sum(gains, axis=-1, keepdims=True)
    to_go = total - ops.cumsum(gains, axis=-1) + gains
    flat = ops.reshape(ops.transpose(to_go, (0, 2, 1)), (queries * places, samples))
    better = ops.reshape(leave_one_out_advantages(flat), (queries, places, samples))
    return ops.transpose(better, (0, 2, 1))
