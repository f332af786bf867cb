"""How much of what a document is about is mentioned in a text.

What a document is about is taken to be its most frequent content words. English: words
of four or more letters that are no function words, as Porter stems. Chinese, Japanese
and Korean ("cjk"): pairs of neighbouring characters, neither of them one of a few very
frequent grammatical ones, and Latin words as in English; most Chinese words have two
characters, and no dictionary is needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from nutgraf.errors import ConfigError, DataError
from nutgraf.text.words import CJK, WordKind, split_words

__all__ = ["content_words", "coverage"]

_LETTERS = 4
# Function words of four or more letters; shorter words are left out anyway.
_FUNCTION = frozenset(
    """
    about above across after again against almost alone along already also although
    always among another anyone anything around away back because been before being
    below between both came come could does doing done down during each either else
    enough even ever every everyone everything from further gave give given goes gone
    have having hence here hers herself himself however into itself just least less
    like made make many might more most much must myself near need neither never
    nevertheless next none nothing often once only onto other others otherwise ours
    ourselves over perhaps quite rather really same seem seemed several shall should
    since some someone something still such take taken than that their theirs them
    themselves then there therefore these they thing things this those though through
    thus together told toward towards under unless until upon used using very want
    well went were what whatever when whenever where whether which while whole whom
    whose will with within without would your yours yourself says said
    """.split()
)
_GRAMMAR = frozenset(
    "的了是在和有不也就都而及与與或被把从從对對这這那个個之其以為为上中下们們吗嗎呢吧着著"
    "のはをにがとでもへやかなだたてしすいるれ"
)
_RUN = re.compile(f"[{CJK}]+")


def content_words(text: str, words: WordKind = "english") -> list[str]:
    """Return the words that say what a text is about, see the top of this file.

    Args:
        text: any text.
        words: "english" or "cjk".

    Returns:
        Stems and pairs of characters, in order, with repetitions.

    Raises:
        ConfigError: `words` is neither of the two.

    Example:
        >>> content_words("The parser reads files, and then it parses them.")
        ['parser', 'read', 'file', 'pars']
        >>> content_words("今天的天气", "cjk")
        ['今天', '天气']
    """
    pairs = zip(split_words(text, stem=False), split_words(text), strict=True)
    found = [
        stem for word, stem in pairs if len(word) >= _LETTERS and word not in _FUNCTION
    ]
    if words == "english":
        return found
    if words != "cjk":
        raise ConfigError(
            f'words must be "english" or "cjk". Received: {words!r}. Use "cjk" for '
            "Chinese, Japanese and Korean."
        )
    neighbours = [
        run[place : place + 2]
        for run in _RUN.findall(text)
        for place in range(len(run) - 1)
    ]
    return found + [pair for pair in neighbours if _GRAMMAR.isdisjoint(pair)]


def coverage(
    predictions: Sequence[str],
    documents: Sequence[str],
    top: int = 20,
    words: WordKind = "english",
) -> np.ndarray:
    """Return the share of a document's leading content words that a text mentions.

    The `top` most frequent ones count, the earlier one first among equals; each of
    them once. All would be too many: no summary can mention every word.

    Args:
        predictions: texts.
        documents: the source of each, as many.
        top: content words of the document that are looked for, at least 1.
        words: "english" or "cjk", see `content_words`.

    Returns:
        float64 array, one number in 0-100 per text; NaN for a document without
        content words.

    Raises:
        ConfigError: `top` is less than 1, or `words` is unknown.
        DataError: the numbers of rows differ.

    Example:
        >>> document = "The parser reads files. A file is read line by line."
        >>> # read, file and line are there twice, parser once; two are mentioned
        >>> coverage(["It reads a file."], [document], top=4).tolist()
        [50.0]
    """
    if top < 1:
        raise ConfigError(f"top must be at least 1. Received: top={top}. Use 20.")
    if len(predictions) != len(documents):
        raise DataError(
            "There must be as many predictions as documents. Received: "
            f"{len(predictions)} predictions, {len(documents)} documents. Check that "
            "both come from the same file."
        )
    shares = np.full(len(predictions), np.nan)
    leading: dict[str, set[str]] = {}  # the samples of a prompt share their document
    for row, (text, document) in enumerate(zip(predictions, documents, strict=True)):
        if document not in leading:
            counts = Counter(content_words(document, words))
            leading[document] = {word for word, _ in counts.most_common(top)}
        wanted = leading[document]
        if wanted:
            mentioned = wanted.intersection(content_words(text, words))
            shares[row] = 100.0 * len(mentioned) / len(wanted)
    return shares
