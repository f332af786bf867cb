"""Numbers and names of a text that its document does not have.

They are what a reader trusts and a model invents most easily. A rule finds them, so a
wrong verb or a name given to the wrong person goes unnoticed.

Numbers: digits with `,` between groups of three taken out and zeros after the decimal
point dropped (1,000 == 1000, 2.50 == 2.5); one to twenty and the tens written in
English support digits, not the reverse: words are never looked for.

Names: words with a capital letter. They are looked for in the document without case, as
stems, without 's, accents and full stops (U.S. == US), so a lower-cased document
supports them. The first word of a sentence is capital anyway: it counts only where the
same word is capital elsewhere in the text, or where a capital word follows it and it is
no common first word (Barack Obama said, not The President said). Capitals tell nothing
in a heading: sentences of three or more words are passed over where each has one,
small words such as "of" aside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nutgraf.errors import DataError
from nutgraf.text.sentences import split_sentences
from nutgraf.text.words import split_words

__all__ = ["Claims", "claims", "names", "numbers"]

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_GROUPS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LEADING = re.compile(r"^0+(?=\d)")
_WORD = re.compile(r"[^\W\d_](?:[\w.'’&-]*\w)?")
_POSSESSIVE = re.compile(r"['’]s?$")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()
_TENS = "thirty forty fifty sixty seventy eighty ninety".split()
_SPELLED = {word: str(value) for value, word in enumerate(_UNITS)}
_SPELLED |= {word: str(10 * value) for value, word in enumerate(_TENS, 3)}
# Words that open sentences in front of a name, and are none.
_OPENERS = frozenset(
    "a after all although an and another any are as at before both but by did do does "
    "during each every for from has have he her here his how i if in is it its last my "
    "new no not of on one or our she since so some that the their then there these "
    "they this those to today under was we were what when where which while who why "
    "will with yesterday you your".split()
)
# Short words that headings leave small.
_SMALL = frozenset(
    "a an and as at but by for from in nor of off on or out over per the to up via vs "
    "with".split()
)


class Claims(NamedTuple):
    """Counts that add up over rows.

    Attributes:
        found: (n,) int64, different numbers and names in each text.
        missing: (n,) int64, those of them that the document does not have.
    """

    found: np.ndarray
    missing: np.ndarray


def numbers(text: str) -> list[str]:
    """Return the numbers in digits of a text, each in one form.

    Args:
        text: any text.

    Returns:
        Numbers in order.

    Example:
        >>> numbers("It cost $1,000.50, or 1000.5, on the 3rd.")
        ['1000.5', '1000.5', '3']
    """
    plain = _GROUPS.sub("", unicodedata.normalize("NFKC", text))
    found = []
    for number in _NUMBER.findall(plain):
        if number.count(".") == 1 and "," not in number:
            number = number.rstrip("0").rstrip(".")
        found.append(_LEADING.sub("", number))
    return found


@lru_cache(maxsize=1 << 16)
def _key(word: str) -> str:
    """Return the form in which names are compared: stem, no case, no full stops."""
    bare = _POSSESSIVE.sub("", word).replace(".", "").replace("’", "'")
    plain = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode()
    return " ".join(split_words(plain)) or bare.lower()


def _capital(word: str) -> bool:
    return word[0].isupper()


def _is_heading(words: list[str]) -> bool:
    long = [word for word in words if word not in _SMALL]
    return len(long) > 2 and all(map(_capital, long))


def names(text: str) -> list[str]:
    """Return the capital words of a text that are likely names.

    Args:
        text: any text; one without capitals has no names.

    Returns:
        Words; those that open a sentence come last.

    Example:
        >>> names("The film stars Anna Karina. Critics say Anna's best. Nobody agrees.")
        ['Anna', 'Karina', "Anna's"]
    """
    found: list[str] = []
    first: list[str] = []
    for sentence in split_sentences(text):
        words = _WORD.findall(sentence)
        capital = [word for word in words if _capital(word)]
        if not capital or _is_heading(words):
            continue
        found += capital[_capital(words[0]) :]
        if _capital(words[0]):
            follows = len(words) > 1 and _capital(words[1])
            if follows and words[0].lower() not in _OPENERS:
                found.append(words[0])
            else:
                first.append(words[0])
    known = {_key(word) for word in found}
    found += [word for word in first if _key(word) in known]
    return [word for word in found if word not in ("I", "I'm", "I’m")]


def _vocabulary(document: str) -> set[str]:
    """Return every word of a document in the form in which names are compared."""
    words = _WORD.findall(document)
    keys = {_key(word) for word in words}
    # A name may be a part of a compound: New York-based, the Smith/Jones case.
    return keys | {part for key in keys for part in key.split()}


def _amounts(document: str) -> set[str]:
    spelled = {_SPELLED[w] for w in split_words(document, stem=False) if w in _SPELLED}
    return spelled | set(numbers(document))


def claims(predictions: Sequence[str], documents: Sequence[str]) -> Claims:
    """Count the numbers and names of texts, and those that their documents lack.

    Args:
        predictions: n texts.
        documents: the source of each, as many.

    Returns:
        The counts; each number and each name counts once per text.

    Raises:
        DataError: the numbers of rows differ.

    Example:
        >>> document = "Rome, 1 May: the shop of anna sold 1,000 cakes."
        >>> found = claims(["Yesterday Anna sold 1000 cakes in Paris."], [document])
        >>> found.found.tolist(), found.missing.tolist()  # Anna, Paris, 1000
        ([3], [1])
    """
    if len(predictions) != len(documents):
        raise DataError(
            "There must be as many predictions as documents. Received: "
            f"{len(predictions)} predictions, {len(documents)} documents. Check that "
            "both come from the same file."
        )
    sources: dict[str, tuple[set[str], set[str]]] = {}
    counts = np.zeros((len(predictions), 2), dtype=np.int64)
    for row, (text, document) in enumerate(zip(predictions, documents, strict=True)):
        if document not in sources:
            sources[document] = _vocabulary(document), _amounts(document)
        vocabulary, amounts = sources[document]
        named = {_key(word) for word in names(text)}
        counted = set(numbers(text))
        # "North-South" is supported when both of its parts are.
        missing = [key for key in named if not vocabulary.issuperset(key.split())]
        counts[row] = len(named) + len(counted), len(missing) + len(counted - amounts)
    return Claims(counts[:, 0], counts[:, 1])
