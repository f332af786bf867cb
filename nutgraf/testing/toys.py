"""Toy rows, vocabulary and policies: small enough to train in seconds.

For tests of rewards, recipes and policies, ours and yours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.models.recurrent_config import RECURRENT

__all__ = ["toy_policy", "toy_reward", "toy_rows", "toy_tokenizer", "weights_of"]

WORDS = (
    "the a red blue old new house river reads writes gives takes data file "
    "every first last small large open"
).split()


def toy_rows(count: int = 60, length: int = 20, seed: int = 0) -> list[Row]:
    """Make rows whose summary is the first four words of the document.

    Args:
        count: number of rows.
        length: words per document.
        seed: of the words.

    Returns:
        The rows.

    Example:
        >>> row = toy_rows(1)[0]
        >>> row.document.startswith(row.references[0])
        True
    """
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        words = [WORDS[place] for place in random.integers(0, len(WORDS), length)]
        made.append(Row(f"row{number}", " ".join(words), (" ".join(words[:4]),)))
    return made


def toy_reward(
    prompts: list[str],
    completions: list[str],
    references: list[Sequence[str]],
    rows: list[Row] | None = None,
) -> list[float | None]:
    """Reward texts that are a single word of the document.

    Half for a first word that occurs in the document, half for being one word long. It
    takes reading, and learning to end.

    Args:
        prompts: documents.
        completions: texts.
        references: not read.
        rows: not read.

    Returns:
        0, 0.5 or 1 for each text.

    Example:
        >>> toy_reward(["a red house"] * 3, ["red", "red red", "blue"], [[], [], []])
        [1.0, 0.5, 0.5]
    """
    del references, rows
    found: list[float | None] = []
    for prompt, text in zip(prompts, completions, strict=True):
        words = text.split()
        there = bool(words) and words[0] in prompt.split()
        found.append(0.5 * there + 0.5 * (len(words) == 1))
    return found


def toy_tokenizer() -> Any:
    """Return a tokenizer in which each toy word is one or two pieces."""
    from nutgraf.text.tokenizer import Tokenizer

    return Tokenizer.train([row.document for row in toy_rows(200)], vocabulary_size=330)


def toy_policy(tokenizer: Any = None, seed: int = 0, **changes: Any) -> Any:
    """Return a tiny random policy, an encoder-decoder unless told otherwise.

    Args:
        tokenizer: its tokenizer; by default `toy_tokenizer()`.
        seed: of the weights.
        **changes: fields of `ModelConfig`.

    Returns:
        The policy.
    """
    import keras

    from nutgraf.models.build import policy_of
    from nutgraf.models.config import ModelConfig

    tokenizer = tokenizer or toy_tokenizer()
    keras.utils.set_random_seed(seed)
    settings: dict[str, Any] = {
        "vocabulary_size": tokenizer.vocabulary_size,
        "width": 32,
        "heads": 2,
        "feed_forward": 64,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "max_source": 48,
        "max_target": 12,
    }
    if changes.get("architecture") == "decoder-only":
        settings |= {"encoder_layers": 0, "copy": False}
    if changes.get("architecture") in RECURRENT:
        settings |= {"heads": 1, "feed_forward": 0}
    return policy_of(ModelConfig(**{**settings, **changes}), tokenizer, 16)


def weights_of(policy: Any) -> list[np.ndarray]:
    """Return a policy's weights as numpy arrays.

    Args:
        policy: any `Policy`.

    Returns:
        The trainable weights, in the order of `policy.variables`.
    """
    from nutgraf.backend import to_numpy

    return to_numpy([variable.value for variable in policy.variables])
