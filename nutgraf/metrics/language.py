"""Is a text written in the language that was wanted? By script and function words.

Two rules, no model. The script of each letter is that of its Unicode name; letters of
another script than the language's count against it. Languages that share a script are
told apart by their most frequent function words: a text in German has more of *der die
und* than of *the of and*. Words that only one of two languages has are compared, for
each other language, and so are words with a letter that the wanted one does not use
(English has no č or ß).

Limits: a text without any such word (a name, two nouns) is judged by its script alone;
ru, el, ar, hi, th and ko always are (so Ukrainian passes as ru); languages without a
list here (Swedish, Polish) match none or the nearest. To identify short texts for sure
take a trained identifier and wrap it with `nutgraf.rewards.function`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from nutgraf.errors import ConfigError

__all__ = ["LANGUAGES", "language_share", "script_share"]

# First word of the Unicode names of the letters of each language.
_LATIN = frozenset({"LATIN", "FULLWIDTH"})
_HAN = frozenset({"CJK", "IDEOGRAPHIC"})
_KANA = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"})
_SCRIPTS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("cs", "de", "en", "es", "fr", "it", "nl", "pt"), _LATIN),
    "zh": _HAN,
    "ja": _HAN | _KANA,
    "ko": frozenset({"HANGUL"}),
    "ru": frozenset({"CYRILLIC"}),
    "el": frozenset({"GREEK"}),
    "ar": frozenset({"ARABIC"}),
    "hi": frozenset({"DEVANAGARI"}),
    "th": frozenset({"THAI"}),
}
LANGUAGES = tuple(sorted(_SCRIPTS))
"""Codes (ISO 639-1) that can be asked for."""

# Languages whose function words are single characters.
_SINGLE = ("zh", "ja")
_PLAIN = "abcdefghijklmnopqrstuvwxyz"
# Letters of each Latin alphabet beside these.
_ACCENTED = {
    "cs": "áčďéěíňóřšťúůýž",
    "de": "äöüß",
    "en": "",
    "es": "áéíñóúü",
    "fr": "àâæçèéêëîïôœùûüÿ",
    "it": "àèéìíîòóùú",
    "nl": "áèéëíïóöúü",
    "pt": "àáâãçéêíóôõúü",
}
_WORD = re.compile(r"[^\W\d_]+")


@cache
def _function_words() -> dict[str, frozenset[str]]:
    """Return the lists by language."""
    file = Path(__file__).with_name("function_words.json")
    lists = json.loads(file.read_text(encoding="utf-8"))
    return {
        language: frozenset(words if language in _SINGLE else words.split())
        for language, words in lists.items()
    }


@lru_cache(maxsize=1 << 15)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _check(language: str) -> None:
    if language not in LANGUAGES:
        raise ConfigError(
            f"language must be one of {', '.join(LANGUAGES)}. Received: {language!r}. "
            "Wrap an identifier of your own for others, see docs/rewards.md."
        )


def script_share(text: str, language: str) -> float:
    """Return the share of letters that belong to a script of the language.

    Args:
        text: any text; digits, spaces and punctuation do not count.
        language: one of `LANGUAGES`.

    Returns:
        A number in 0-1; 0 for a text without letters.

    Raises:
        ConfigError: the language is unknown.

    Example:
        >>> script_share("GPT 翻译", "zh"), script_share("GPT 翻译", "en")
        (0.4, 0.6)
    """
    _check(language)
    letters = [letter for letter in text if letter.isalpha()]
    known = sum(_script(letter) in _SCRIPTS[language] for letter in letters)
    return known / len(letters) if letters else 0.0


def _quotient(own: int, other: int) -> float:
    """Return 1 where `own` is as many as `other`, less where it is fewer."""
    return own / max(own, other) if own or other else 1.0


def _words_quotient(text: str, language: str) -> float:
    """Return how far the words of a text speak for a language with a list."""
    plain = unicodedata.normalize("NFC", text.lower())
    units = list(plain) if language in _SINGLE else _WORD.findall(plain)
    counts = Counter(units)

    def hits(words: frozenset[str]) -> int:
        return sum(counts[word] for word in words)

    lists = _function_words()
    own = lists[language]
    found = [
        _quotient(hits(own - other), hits(other - own))
        for rival, other in lists.items()
        if rival != language and _SCRIPTS[rival] & _SCRIPTS[language]
    ]
    if language in _ACCENTED:
        alphabet = frozenset(_PLAIN + _ACCENTED[language])
        foreign = sum(not alphabet.issuperset(word) for word in units)
        found.append(_quotient(hits(own), foreign))
    return min(found)


def language_share(texts: Sequence[str], language: str) -> np.ndarray:
    """Return how far texts are in a language, by the rules at the top of this file.

    Share of letters in the script, times the smallest of h / max(h, h') over the other
    languages with a list and a common script: h are the words of the text that only
    the wanted one's list has, h' those that only the other one's has. The same is done
    with all words of the list and words with foreign letters. 0 / 0 counts as 1.

    Args:
        texts: n texts.
        language: one of `LANGUAGES`.

    Returns:
        float64 (n,) in 0-100; 0 for a text without letters.

    Raises:
        ConfigError: the language is unknown.

    Example:
        >>> # Hund, Park: neither; Der, im: German; The, the: English; in: both
        >>> texts = ["Der Hund im Park", "Der dog in the park", "The dog in the park"]
        >>> language_share(texts, "de").tolist()
        [100.0, 100.0, 0.0]
    """
    _check(language)
    shares = np.zeros(len(texts))
    for row, text in enumerate(texts):
        share = script_share(text, language)
        if share and language in _function_words():
            share *= _words_quotient(text, language)
        shares[row] = 100.0 * share
    return shares
