"""Words as the metrics count them: English stems, or CJK characters.

`english` is the tokenizer of the `rouge-score` package: lower case, runs of [a-z0-9],
Porter stems of words longer than three characters. It drops every other script, so
Chinese, Japanese and Korean need `cjk`: each such character is one word, Latin words
stay as before.

Reference: Porter 1980, "An algorithm for suffix stripping", Program 14(3).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

from nutgraf.errors import ConfigError

if TYPE_CHECKING:
    from nltk.stem.porter import PorterStemmer  # type: ignore[import-untyped]

__all__ = ["CJK", "PIECE", "WordKind", "contains_cjk", "split_words", "word_kind"]

WordKind = Literal["english", "cjk"]

# Character class: kana, ideographs with extensions A-H, compatibility forms, hangul.
CJK = (
    "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
_CJK = re.compile(f"[{CJK}]")
PIECE = re.compile(rf"[{CJK}]|[^\s{CJK}]+")
"""What lies between spaces; each CJK character is a piece of its own."""
_WORDS: dict[str, re.Pattern[str]] = {
    "english": re.compile("[a-z0-9]+"),
    "cjk": re.compile(f"[a-z0-9]+|[{CJK}]"),
}


@cache
def _stemmer() -> PorterStemmer:
    """Return the one stemmer; its package is slow to import."""
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=1 << 17)
def _stem(word: str) -> str:
    """Return the stem of a lower-case word longer than three characters."""
    return str(_stemmer().stem(word))


def contains_cjk(text: str) -> bool:
    """Say whether a text has a Chinese, Japanese or Korean character.

    Args:
        text: any text.

    Returns:
        True when at least one character is an ideograph, kana or hangul.

    Example:
        >>> contains_cjk("天气 report"), contains_cjk("naïve")
        (True, False)
    """
    return _CJK.search(text) is not None


def word_kind(texts: list[str]) -> WordKind:
    """Choose the word kind for a data set from its texts.

    Args:
        texts: a sample of the data set, for example its references.

    Returns:
        "cjk" when at least half of the texts contain a CJK character, else "english".

    Example:
        >>> word_kind(["今天天气", "好 news"]), word_kind(["good news"])
        ('cjk', 'english')
    """
    found = sum(contains_cjk(text) for text in texts)
    return "cjk" if texts and 2 * found >= len(texts) else "english"


def split_words(text: str, words: WordKind = "english", stem: bool = True) -> list[str]:
    """Return the words of a text as the metrics count them.

    Args:
        text: any text; punctuation is dropped.
        words: "english" or "cjk" (see the top of this file).
        stem: replace Latin words longer than three characters by their Porter stem.

    Returns:
        Lower-case words in order.

    Raises:
        ConfigError: `words` is neither of the two.

    Example:
        >>> split_words("The cats were running, twice!")
        ['the', 'cat', 'were', 'run', 'twice']
        >>> split_words("用GPT-4翻译", words="cjk")
        ['用', 'gpt', '4', '翻', '译']
    """
    pattern = _WORDS.get(words)
    if pattern is None:
        raise ConfigError(
            f'words must be "english" or "cjk". Received: {words!r}. Use "cjk" for '
            "Chinese, Japanese and Korean."
        )
    found = pattern.findall(text.lower())
    if not stem:
        return found
    return [_stem(word) if len(word) > 3 else word for word in found]
