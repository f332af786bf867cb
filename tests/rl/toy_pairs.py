"""Pairs that a toy model can learn: the preferred text is made of other words."""

from __future__ import annotations

import numpy as np

from nutgraf.data.pairs import Pair
from nutgraf.testing.toys import toy_rows

GOOD = ("red", "river", "reads", "open")
BAD = ("old", "house", "takes", "last")


def toy_pairs(count=16, seed=0, flipped=False):
    """Pairs for the prompts of `toy_rows`; one of words of GOOD is preferred."""
    random = np.random.default_rng(seed)
    pairs = []
    for row in toy_rows(count, length=8, seed=seed):
        texts = [" ".join(random.choice(words, 2)) for words in (GOOD, BAD)]
        if flipped:
            texts.reverse()
        pairs.append(Pair(row.document, texts[0], texts[1]))
    return pairs
