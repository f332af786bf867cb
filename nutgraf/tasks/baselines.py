"""Summaries that need no model: what any trained one must beat, and a ceiling.

News and docstrings put what matters first, so their beginning is a strong summary.
The oracle reads the references: it shows how far copying whole sentences can go.
"""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.errors import ConfigError
from nutgraf.metrics.rouge import rouge
from nutgraf.text.sentences import split_sentences
from nutgraf.text.words import PIECE, WordKind

__all__ = ["extractive_oracle", "lead", "lead_words"]


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} must be at least 1. Received: {value}. Use 3.")


def lead(document: str, sentences: int = 3) -> str:
    r"""Return the first sentences of a document (Lead-k).

    Args:
        document: any text.
        sentences: how many, at least 1.

    Returns:
        The sentences, one per line.

    Raises:
        ConfigError: `sentences` is less than 1.

    Example:
        >>> lead("One. Two. Three.", sentences=2)
        'One.\nTwo.'
    """
    _check_count("sentences", sentences)
    return "\n".join(split_sentences(document)[:sentences])


def lead_words(document: str, words: int = 10) -> str:
    """Return the beginning of a document up to a number of words.

    Args:
        document: any text.
        words: how many pieces between spaces, at least 1; each Chinese, Japanese or
            Korean character is a word of its own.

    Returns:
        The beginning of the text on one line.

    Raises:
        ConfigError: `words` is less than 1.

    Example:
        >>> lead_words("One two  three four.", words=3)
        'One two three'
    """
    _check_count("words", words)
    end = 0
    for number, piece in enumerate(PIECE.finditer(document), start=1):
        end = piece.end()
        if number == words:
            break
    return " ".join(document[:end].split())


def extractive_oracle(
    document: str,
    references: Sequence[str],
    max_sentences: int = 3,
    words: WordKind = "english",
) -> str:
    r"""Return the sentences of a document that greedily raise ROUGE-1 + ROUGE-2 most.

    Sentences are added one by one while the sum of both F1 grows.

    Args:
        document: any text.
        references: one or more reference summaries.
        max_sentences: most sentences to take, at least 1.
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        The chosen sentences in document order, one per line; "" when none helps.

    Raises:
        ConfigError: `max_sentences` is less than 1.
        DataError: there is no reference.

    Example:
        >>> extractive_oracle("It rained. We won. Bye.", ["we won, bye"])
        'We won.\nBye.'

    Reference: Nallapati et al. 2017, "SummaRuNNer", section 3, arXiv 1611.04230.
    """
    _check_count("max_sentences", max_sentences)
    sentences = split_sentences(document)
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < max_sentences:
        left = [index for index in range(len(sentences)) if index not in chosen]
        trials = [sorted([*chosen, index]) for index in left]
        texts = ["\n".join(sentences[i] for i in trial) for trial in trials]
        scores = rouge(texts, [references] * len(texts), ("rouge1", "rouge2"), words)
        gains = scores["rouge1"] + scores["rouge2"]
        if not gains.size or gains.max() <= best:
            break
        best, chosen = float(gains.max()), trials[int(gains.argmax())]
    return "\n".join(sentences[index] for index in chosen)
