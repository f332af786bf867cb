"""How good rankings of documents are: nDCG, reciprocal rank, recall.

A ranking is a list of document ids, best first; judgements say how relevant documents
are (0 or less = not at all; what is not judged is not relevant). The numbers are those
of trec_eval. Ties are no matter of these functions: a ranking has none. `ranked` makes
one of scores and breaks ties as trec_eval does, by id, the last in order first.

Reference: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR
techniques", TOIS 20(4); Voorhees 1999, "The TREC-8 Question Answering Track Report"
(reciprocal rank).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from nutgraf.errors import ConfigError, DataError

__all__ = ["Gain", "discounts", "gains_of", "ideal_gain", "ndcg", "ranked"]
__all__ += ["recall", "reciprocal_rank"]

Gain = Literal["linear", "exponential"]
Judged = Mapping[str, float]


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Return ids in the order of their scores, the highest first.

    Args:
        scores: a number for each id; equal ones are ordered by id, the last first.

    Returns:
        The ids.

    Example:
        >>> ranked({"a": 1.0, "b": 2.0, "c": 1.0})
        ['b', 'c', 'a']
    """
    return sorted(scores, key=lambda name: (scores[name], name), reverse=True)


def _check_places(k: int) -> None:
    if k < 1:
        raise ConfigError(f"k must be at least 1. Received: k={k}. 10 is usual.")


def discounts(k: int) -> np.ndarray:
    """Return what a gain is worth at each place, 1 / log2(place + 1).

    Args:
        k: number of places, at least 1.

    Returns:
        float64 (k,), the first is 1.

    Raises:
        ConfigError: k is below 1.

    Example:
        >>> discounts(3).round(3).tolist()
        [1.0, 0.631, 0.5]
    """
    _check_places(k)
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def gains_of(grades: ArrayLike, gain: Gain = "linear") -> np.ndarray:
    """Return what finding documents of these grades is worth.

    Args:
        grades: any shape, grades of relevance.
        gain: "linear" takes the grade, "exponential" 2 to its power, minus 1; the same
            for grades 0 and 1.

    Returns:
        float64 of the same shape, at least 0.

    Raises:
        ConfigError: `gain` is unknown.
    """
    if gain not in ("linear", "exponential"):
        raise ConfigError(
            f'gain must be "linear" or "exponential". Received: {gain!r}. trec_eval '
            'takes "linear".'
        )
    found = np.maximum(np.asarray(grades, np.float64), 0.0)
    return found if gain == "linear" else np.exp2(found) - 1.0


def ideal_gain(grades: ArrayLike, k: int = 10, gain: Gain = "linear") -> float:
    """Return the discounted gain of the best ranking there can be.

    Args:
        grades: grades of all judged documents of a query.
        k: places that count.
        gain: see `gains_of`.

    Returns:
        The gain; 0 when nothing is relevant.

    Example:
        >>> ideal_gain([0, 1, 1], k=1)
        1.0
    """
    best = np.sort(gains_of(grades, gain).ravel())[::-1][:k]
    return float(best @ discounts(k)[: best.size])


def _check(rankings: Sequence[Sequence[str]], judged: Sequence[Judged]) -> None:
    if len(rankings) != len(judged):
        raise DataError(
            "There must be one table of judgements per ranking. Received: "
            f"{len(rankings)} rankings, {len(judged)} tables. Check that both come "
            "from the same queries."
        )
    for number, ranking in enumerate(rankings):
        if isinstance(ranking, str) or len(set(ranking)) != len(ranking):
            raise DataError(
                "A ranking must be a list that names each document once. Received: "
                f"{ranking!r} as number {number}. Leave repeated ids out."
            )


def ndcg(
    rankings: Sequence[Sequence[str]],
    judged: Sequence[Judged],
    k: int = 10,
    gain: Gain = "linear",
) -> np.ndarray:
    """Return the discounted cumulative gain of rankings, in percent of the best.

    Args:
        rankings: n lists of document ids, best first.
        judged: n tables of document id -> grade.
        k: places that count, at least 1.
        gain: see `gains_of`.

    Returns:
        float64 (n,) in 0-100; 0 for a query without relevant documents.

    Raises:
        ConfigError: `k` or `gain` is out of range.
        DataError: the numbers of rows differ, or a ranking names a document twice.

    Example:
        >>> ndcg([["a", "b"]], [{"b": 1}]).round(2).tolist()
        [63.09]

    Reference: Järvelin and Kekäläinen 2002; trec_eval's `ndcg_cut`.
    """
    _check(rankings, judged)
    worth = discounts(k)
    found = np.zeros(len(rankings))
    for number, (ranking, own) in enumerate(zip(rankings, judged, strict=True)):
        best = ideal_gain(list(own.values()), k, gain)
        gains = gains_of([own.get(name, 0.0) for name in ranking[:k]], gain)
        if best:
            found[number] = 100.0 * float(gains @ worth[: gains.size]) / best
    return found


def reciprocal_rank(
    rankings: Sequence[Sequence[str]], judged: Sequence[Judged], k: int = 10
) -> np.ndarray:
    """Return 100 / the place of the first relevant document.

    Args:
        rankings: n lists of document ids, best first.
        judged: n tables of document id -> grade; relevant is what is above 0.
        k: places that count, at least 1.

    Returns:
        float64 (n,) in 0-100; 0 where no relevant document is among the first k.

    Raises:
        ConfigError: `k` is out of range.
        DataError: the numbers of rows differ, or a ranking names a document twice.

    Example:
        >>> reciprocal_rank([["a", "b"], ["c"]], [{"b": 1}, {"a": 1}]).tolist()
        [50.0, 0.0]

    Reference: Voorhees 1999; trec_eval's `recip_rank`.
    """
    _check(rankings, judged)
    _check_places(k)
    found = np.zeros(len(rankings))
    for number, (ranking, own) in enumerate(zip(rankings, judged, strict=True)):
        for place, name in enumerate(ranking[:k], 1):
            if own.get(name, 0.0) > 0:
                found[number] = 100.0 / place
                break
    return found


def recall(
    rankings: Sequence[Sequence[str]], judged: Sequence[Judged], k: int = 100
) -> np.ndarray:
    """Return the percentage of the relevant documents that are among the first k.

    Args:
        rankings: n lists of document ids, best first.
        judged: n tables of document id -> grade; relevant is what is above 0.
        k: places that count, at least 1.

    Returns:
        float64 (n,) in 0-100; 0 for a query without relevant documents.

    Raises:
        ConfigError: `k` is out of range.
        DataError: the numbers of rows differ, or a ranking names a document twice.

    Example:
        >>> recall([["a", "b", "c"]], [{"b": 1, "d": 2}], k=2).tolist()
        [50.0]

    Reference: trec_eval's `recall`.
    """
    _check(rankings, judged)
    _check_places(k)
    found = np.zeros(len(rankings))
    for number, (ranking, own) in enumerate(zip(rankings, judged, strict=True)):
        relevant = {name for name, grade in own.items() if grade > 0}
        if relevant:
            hits = len(relevant.intersection(ranking[:k]))
            found[number] = 100.0 * hits / len(relevant)
    return found
