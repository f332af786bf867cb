"""Split a text into sentences by rule, in English, Chinese and Japanese.

The rules, in order:

1. A blank line ends a sentence. So does a line break before a list item (`- `, `* `).
   Any other line break is a space: wrapped lines belong together unless a rule below
   ends the sentence there.
2. `。！？` (and `．` `｡`) with the closing quotes and brackets after them end a
   sentence, unless a comma or the Japanese quoting particle と follows. A Latin stop
   between two CJK characters does so too.
3. A stop that stands alone between spaces ends a sentence, whatever follows (only dots
   of omission go on before a lower-case letter in cased text). Where such stops are at
   least as many as those of rule 4, the text is tokenised (CNN/DailyMail of See et al.
   2017 is) and no other stop counts.
4. `.`, `!`, `?` and `…` attached to a word, with closing quotes and brackets, end one
   when white space follows and then something that can begin one. A lower-case letter
   can do so only in a text without any capital. After an abbreviation that is always
   followed by more (`Mr.`, `e.g.`, `No. 5`) nothing ends; after one that may close a
   sentence (`U.S.`, `etc.`, initials) only a typical first word begins the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nutgraf.text.words import CJK

__all__ = ["join_sentences", "split_sentences"]

_BLOCK = re.compile(r"\n[^\S\n]*\n\s*|\n(?=[^\S\n]*[-*•][^\S\n])")
_LINE_BREAK = re.compile(r"(?<!\s)\s*\n\s*")
_OPENERS = "\"'([{“‘«`"
# Possessive quantifiers (`*+`) keep these linear on any text.
_SPACED = re.compile(
    r"(?<=\s)[.!?…]++(?=\s|$)(?:\s[.!?…]++(?=\s|$))*+"
    r"(?:\s(?:''|[)\]}”’»]|-r[rs]b-)(?=\s|$))*+(?:\s\"(?=\s|$))?"
)
_ATTACHED = re.compile(r"(?<=[^\s.!?…])[.!?…]++[\"')\]}”’»]*+(?=\s)")
_OMISSION = re.compile(r"…|\.\s?\.")
_WIDE = re.compile(
    rf"[。！？．｡]++…*+[”’」』）】》〉\"')\]]*+(?![，、,：:；と])"
    rf"|(?<=[{CJK}])[.!?]++(?=[{CJK}])"
)

_NEVER_LAST = frozenset(
    "mr mrs ms dr prof gen sen rep gov capt cpt lt col cmdr sgt maj rev hon pres st mt "
    "messrs mme e.g i.e cf vs v viz resp approx ca".split()
)
_BEFORE_NUMBER = frozenset(
    "no nos fig figs eq eqs p pp vol vols ch chap sec sect art ver para ref refs "
    "tab ex jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_MAYBE_LAST = frozenset(
    "inc ltd co corp jr sr etc al dept est ave blvd rd bros univ assn".split()
)
_FIRST_WORDS = frozenset(
    "the a an it he she they we you i this that these those there here in on at by for "
    "from to with as and but or so if when while after before since although though "
    "however his her its their our my your what who why how where not no one some many "
    "most all each both then now also meanwhile return returns use see".split()
)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]{1,2}")
_WORD = re.compile(r"\w+")
_WIDE_END = re.compile(r"[。！？．｡][^\w\s]*$")
_SPACELESS = rf"(?![\uac00-\ud7af])[{CJK}]"  # Korean has spaces
_SPACELESS_END = re.compile(rf"{_SPACELESS}\W*$")
_SPACELESS_START = re.compile(rf"\W*{_SPACELESS}")


def _abbreviated(word: str, rest: str) -> bool:
    """Say whether the stop after `word` marks an abbreviation, `rest` going on."""
    lower = word.lower()
    if lower in _NEVER_LAST:
        return True
    if lower in _BEFORE_NUMBER and rest[:1].isdigit():
        return True
    initial = len(word) == 1 and word.isupper()
    if initial or lower in _MAYBE_LAST or _DOTTED.fullmatch(word):
        found = _WORD.search(rest)
        return found is None or found.group().lower() not in _FIRST_WORDS
    return False


def _ends_attached(before: str, stop: str, after: str, cased: bool) -> bool:
    """Apply rule 4 to a stop that is attached to the word before it."""
    rest = after.lstrip().lstrip(_OPENERS)
    if cased and rest[:1].islower():
        return False
    word = before.rsplit(None, 1)[-1].lstrip(_OPENERS) if before.strip() else ""
    if stop[0] != "." or stop.startswith(".."):
        return True
    if word.isdigit() and word == before.strip():
        return False  # the number of a list item
    return not _abbreviated(word, rest)


def _spaced_ends(block: str, cased: bool) -> list[int]:
    """Apply rule 3; a straight quote after the stop closes when one is open."""
    ends: list[int] = []
    start = 0
    for found in _SPACED.finditer(block):
        end = found.end()
        omission = _OMISSION.match(found.group()) is not None
        if omission and cased and block[end : end + 2].lstrip()[:1].islower():
            continue
        if found.group().endswith('"') and block.count('"', start, end) % 2:
            end -= 2  # this quote opens the next sentence
        ends.append(end)
        start = end
    return ends


def _ends(block: str) -> list[int]:
    """Return the positions after which a sentence of this block ends."""
    cased = any(letter.isupper() for letter in block)
    ends = {found.end() for found in _WIDE.finditer(block)}
    spaced = _spaced_ends(block, cased)
    attached = list(_ATTACHED.finditer(block))
    ends.update(spaced)
    if spaced and len(spaced) >= len(attached):
        return sorted(ends)
    start = 0
    for found in attached:
        before = block[max(start, found.start() - 60) : found.start()]
        after = block[found.end() : found.end() + 40]
        if _ends_attached(before, found.group(), after, cased):
            ends.add(found.end())
            start = found.end()
    return sorted(ends)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, by the rules at the top of this file.

    No character but white space is lost, line breaks inside a sentence become spaces.

    Args:
        text: English, Chinese or Japanese, cased or lower case, raw or tokenised.

    Returns:
        Non-empty sentences without white space around them; [] for a blank text.

    Example:
        >>> split_sentences("Mr. Smith paid 3.5 million. He left.")
        ['Mr. Smith paid 3.5 million.', 'He left.']
        >>> split_sentences("it rained . the game went on .")
        ['it rained .', 'the game went on .']
        >>> split_sentences("他说：“你好。”我笑了！")
        ['他说：“你好。”', '我笑了！']
    """
    sentences: list[str] = []
    for part in _BLOCK.split(text):
        block = _LINE_BREAK.sub(" ", part)
        ends = [0, *_ends(block), len(block)]
        pieces = (block[a:b].strip() for a, b in zip(ends, ends[1:], strict=False))
        sentences.extend(piece for piece in pieces if piece)
    return sentences


def _close(before: str, after: str) -> bool:
    """Say whether a sentence follows another without a space."""
    letters = _SPACELESS_END.search(before) and _SPACELESS_START.match(after)
    return bool(_WIDE_END.search(before) or letters)


def join_sentences(sentences: Sequence[str]) -> str:
    """Put sentences behind each other.

    Args:
        sentences: texts without white space around them.

    Returns:
        The text; a space between two sentences, none after a full-width stop or
        between Chinese or Japanese letters.

    Example:
        >>> join_sentences(["It rains.", "It pours.", "好。", "很好。"])
        'It rains. It pours. 好。很好。'
    """
    parts = list(sentences[:1])
    for before, after in zip(sentences, sentences[1:], strict=False):
        parts += [after] if _close(before, after) else [" ", after]
    return "".join(parts)
