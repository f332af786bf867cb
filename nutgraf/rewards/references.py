"""From a metric against references to a reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from nutgraf.rewards.protocol import Values

__all__ = ["against_references"]


def against_references(
    metric: Callable[[list[str], list[Sequence[str]]], ArrayLike],
    completions: Sequence[str],
    references: Sequence[Sequence[str]],
) -> Values:
    """Score the texts that have a reference.

    Args:
        metric: takes k texts and their k non-empty lists of references, returns (k,)
            scores in 0-100.
        completions: n texts.
        references: n lists of reference texts, possibly empty.

    Returns:
        n values in 0-1; None where there is no reference.

    Example:
        >>> def fixed(texts, references):
        ...     return [50.0] * len(texts)
        >>> against_references(fixed, ["a", "b"], [["x"], []])
        [0.5, None]
    """
    judged = [number for number, texts in enumerate(references) if texts]
    scores = metric(
        [completions[number] for number in judged],
        [references[number] for number in judged],
    )
    values: Values = [None] * len(completions)
    for number, score in zip(judged, np.asarray(scores).tolist(), strict=True):
        values[number] = min(1.0, score / 100.0)  # rounding: 100.00000000000004
    return values
