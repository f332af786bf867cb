"""Words as BM25 counts them, in any script.

Runs of letters and digits in lower case; English ones get their Porter stem if wanted.
Chinese, Japanese and Korean have no spaces between words: each character and each pair
of neighbours is a word, which is as good as a dictionary for search (Nie et al. 2000).

Reference: Porter 1980, "An algorithm for suffix stripping"; Nie et al. 2000, "On the
use of words and n-grams for Chinese information retrieval".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from nutgraf.errors import ConfigError
from nutgraf.text.words import CJK, split_words

__all__ = ["Stemming", "search_words"]

Stemming = Literal["english", "none"]

_RUN = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")
_IS_CJK = re.compile(f"[{CJK}]")
_PLAIN = re.compile("[a-z0-9]+")


def search_words(text: str, stem: Stemming = "english") -> list[str]:
    """Return the words of a text for BM25.

    Args:
        text: any text.
        stem: "english" replaces words of a-z and 0-9 by their Porter stem, "none"
            leaves all as they are.

    Returns:
        Words in order; pairs of CJK characters after the characters of their run.

    Raises:
        ConfigError: `stem` is unknown.

    Example:
        >>> search_words("Flügel were flying, 翼型!")
        ['flügel', 'were', 'fli', '翼', '型', '翼型']
    """
    if stem not in ("english", "none"):
        raise ConfigError(
            f'stem must be "english" or "none". Received: {stem!r}. Take "none" for '
            "texts in other languages."
        )
    found: list[str] = []
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).lower()):
        if _IS_CJK.match(run):
            found += run
            found += (run[i : i + 2] for i in range(len(run) - 1))
        elif stem == "english" and _PLAIN.fullmatch(run):
            found += split_words(run)
        else:
            found.append(run)
    return found
