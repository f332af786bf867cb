"""Given texts as actions, as if a policy had written them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import EOS
from nutgraf.models.codec import pad_ids

__all__ = ["actions_of", "text_ids"]


def text_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the actions that write each text, the end action among them.

    Args:
        tokenizer: a `nutgraf.text.tokenizer.Tokenizer`.
        texts: n texts.

    Returns:
        n lists of ids.

    Example:
        >>> from nutgraf.testing.toys import toy_tokenizer
        >>> [ids[-1] for ids in text_ids(toy_tokenizer(), ["", "a red house"])]
        [2, 2]
    """
    return [[*ids, EOS] for ids in tokenizer.encode_batch(list(texts))]


def actions_of(
    groups: Sequence[Sequence[Sequence[int]]], samples: int, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lay the texts of each prompt side by side.

    Args:
        groups: the texts of P prompts, of `text_ids`; at most G for a prompt.
        samples: G; where a prompt has fewer texts, no action counts.
        length: T; a longer text is cut and has no end action.

    Returns:
        (P, G, T) int32 actions and the (P, G, T) bool mask.

    Example:
        >>> actions, mask = actions_of([[[7, 2]], [[8, 9, 5, 2], [2]]], 2, 3)
        >>> actions.tolist()
        [[[7, 2, 0], [0, 0, 0]], [[8, 9, 5], [2, 0, 0]]]
        >>> mask.sum(axis=-1).tolist()
        [[2, 0], [3, 1]]
    """
    flat: list[Sequence[int]] = []
    for texts in groups:
        flat += [*texts, *[[]] * (samples - len(texts))]
    actions, mask = pad_ids(flat, length)
    shape = (len(groups), samples, length)
    return actions.reshape(shape), mask.reshape(shape)
