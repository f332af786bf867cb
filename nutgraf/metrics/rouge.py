"""ROUGE-1, -2, -L and -Lsum: the numbers of the `rouge-score` package, faster.

Words become small integers, the longest common subsequence runs on bit vectors, and
each distinct text is prepared once per call. ROUGE-L ignores sentences; ROUGE-Lsum
takes the union of the subsequences of each reference sentence with all sentences of
the prediction, so it depends on how both are split: by line breaks, here as there.

Reference: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", sections
2 and 3; Hyyro 2004, "Bit-parallel LCS-length computation revisited".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from nutgraf import __version__
from nutgraf.errors import ConfigError
from nutgraf.metrics.rows import check_references
from nutgraf.text.sentences import split_sentences
from nutgraf.text.words import WordKind, split_words

__all__ = ["KINDS", "Measure", "rouge", "sentence_lines", "signature"]

Measure = Literal["f1", "precision", "recall"]
"""Precision is the share of the prediction that is hit, recall of the reference."""

_Hits = tuple[int, int, int]  # shared units, those of the prediction, of the reference

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class _Text:
    """One text as integers, each view of it computed when first needed."""

    def __init__(self, text: str, words: WordKind, ids: dict[str, int]) -> None:
        self._text = text
        self._words: WordKind = words
        self._ids = ids

    @cached_property
    def sentences(self) -> list[list[int]]:
        ids = self._ids
        lines = (split_words(line, self._words) for line in self._text.split("\n"))
        return [[ids.setdefault(w, len(ids)) for w in line] for line in lines if line]

    @cached_property
    def tokens(self) -> list[int]:
        return [token for line in self.sentences for token in line]

    @cached_property
    def unigrams(self) -> Counter[int]:
        return Counter(self.tokens)

    @cached_property
    def bigrams(self) -> Counter[tuple[int, int]]:
        return Counter(zip(self.tokens, self.tokens[1:], strict=False))


def _measured(found: _Hits, measure: Measure) -> float:
    """Return the measure in 0-100; F1 is the harmonic mean of the other two."""
    hits, predicted, wanted = found
    if not hits:
        return 0.0
    if measure == "f1":
        return 200.0 * hits / (predicted + wanted)
    return 100.0 * hits / (predicted if measure == "precision" else wanted)


def _shared(left: Counter, right: Counter) -> int:
    """Return the size of the multiset intersection."""
    if len(left) > len(right):
        left, right = right, left
    find = right.get
    return sum(min(count, find(item, 0)) for item, count in left.items())


def _rouge1(prediction: _Text, reference: _Text) -> _Hits:
    hits = _shared(prediction.unigrams, reference.unigrams)
    return hits, len(prediction.tokens), len(reference.tokens)


def _rouge2(prediction: _Text, reference: _Text) -> _Hits:
    hits = _shared(prediction.bigrams, reference.bigrams)
    return hits, len(prediction.tokens) - 1, len(reference.tokens) - 1


def _rouge_l(prediction: _Text, reference: _Text) -> _Hits:
    from rapidfuzz.distance import LCSseq

    hits = LCSseq.similarity(prediction.tokens, reference.tokens)
    return hits, len(prediction.tokens), len(reference.tokens)


def _positions(sentence: list[int]) -> dict[int, int]:
    """Return for each word the bit set of its positions in the sentence."""
    bits: dict[int, int] = {}
    for place, word in enumerate(sentence):
        bits[word] = bits.get(word, 0) | 1 << place
    return bits


def _common(sentence: list[int], bits: dict[int, int], other: list[int]) -> int:
    """Return the places of one longest common subsequence, as a bit set.

    `rows[j]` has bit i cleared where the length table grows from i to i + 1 after the
    first j words of `other`. Among the longest ones this follows the same path through
    the table as `rouge-score` does; the union depends on it.
    """
    if bits.keys().isdisjoint(other):
        return 0
    full = (1 << len(sentence)) - 1
    row = full
    rows = [row]
    for word in other:
        matched = row & bits.get(word, 0)
        if matched:
            row = ((row + matched) | (row - matched)) & full
        rows.append(row)
    found = 0
    i, j = len(sentence), len(other)
    while i and j:
        if sentence[i - 1] == other[j - 1]:
            i -= 1
            j -= 1
            found |= 1 << i
        elif rows[j] >> (i - 1) & 1:
            i -= 1
        else:
            j -= 1
    return found


def _rouge_lsum(prediction: _Text, reference: _Text) -> _Hits:
    left = Counter(prediction.unigrams)
    if left.keys().isdisjoint(reference.unigrams):
        return 0, 1, 1
    hits = 0
    for sentence in reference.sentences:
        bits = _positions(sentence)
        union = 0
        for other in prediction.sentences:
            union |= _common(sentence, bits, other)
        for place, word in enumerate(sentence):
            # A word of the prediction may be hit only as often as it is there.
            if union >> place & 1 and left[word] > 0:
                left[word] -= 1
                hits += 1
    return hits, len(prediction.tokens), len(reference.tokens)


_HITS: dict[str, Callable[[_Text, _Text], _Hits]] = {
    "rouge1": _rouge1,
    "rouge2": _rouge2,
    "rougeL": _rouge_l,
    "rougeLsum": _rouge_lsum,
}


def _check(kinds: Sequence[str], measure: str) -> None:
    """Raise where a name is unknown."""
    for name, given, known in (
        ("kinds", kinds, KINDS),
        ("measure", [measure], get_args(Measure)),
    ):
        unknown = [one for one in given if one not in known]
        if unknown:
            raise ConfigError(
                f"{name} must be among {', '.join(known)}. Received: "
                f"{unknown[0]!r}. Remove it or correct the spelling."
            )


def rouge(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    kinds: Sequence[str] = KINDS,
    words: WordKind = "english",
    measure: Measure = "f1",
) -> dict[str, np.ndarray]:
    """Return ROUGE of every row.

    With several references a row gets its best value, for each kind on its own. For
    ROUGE-Lsum sentences are lines: use `sentence_lines` on texts that are not split.

    Args:
        predictions: n texts.
        references: n lists of one or more texts.
        kinds: any of "rouge1", "rouge2", "rougeL", "rougeLsum".
        words: "english" (lower case, Porter stems) or "cjk" (each Chinese, Japanese,
            Korean character is a word), see `nutgraf.text.words`.
        measure: "f1"; "recall" grows with every word that is added, and is right only
            for texts of a given length; "precision" falls.

    Returns:
        For each kind a float64 array (n,) in 0-100; 0 where a text has no words.

    Raises:
        ConfigError: a kind, `words` or `measure` is unknown.
        DataError: the numbers of rows differ, or a row has no reference.

    Example:
        >>> scores = rouge(["the cat sat"], [["the cats sat down"]], ("rouge1",))
        >>> scores["rouge1"].round(2).tolist()
        [85.71]

    Reference: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    _check(kinds, measure)
    check_references(predictions, references)
    ids: dict[str, int] = {}
    seen: dict[str, _Text] = {}

    def prepared(text: str) -> _Text:
        if text not in seen:
            seen[text] = _Text(text, words, ids)
        return seen[text]

    result = {kind: np.zeros(len(predictions)) for kind in kinds}
    for number, (prediction, row) in enumerate(
        zip(predictions, references, strict=True)
    ):
        for kind in kinds:
            hits = _HITS[kind]
            result[kind][number] = max(
                _measured(hits(prepared(prediction), prepared(text)), measure)
                for text in row
            )
    return result


def sentence_lines(text: str) -> str:
    r"""Return a text with one sentence per line, as ROUGE-Lsum wants it.

    A text that has line breaks already is taken to be split and is returned as it is.

    Args:
        text: any text.

    Returns:
        The same words, sentences separated by line breaks.

    Example:
        >>> sentence_lines("It rained. We left.")
        'It rained.\nWe left.'
    """
    return text if "\n" in text.strip() else "\n".join(split_sentences(text))


def signature(words: WordKind = "english", measure: Measure = "f1") -> str:
    """Return the settings behind a ROUGE score, to be printed beside it.

    Args:
        words: the word kind that `rouge` was called with.
        measure: the measure, likewise.

    Returns:
        `|`-separated settings and the version of nutgraf.

    Example:
        >>> signature().rsplit("|", 1)[0]
        'ROUGE|f1|stem:yes|lsum:sentences|words:english|refs:max'
    """
    return (
        f"ROUGE|{measure}|stem:yes|lsum:sentences|words:{words}|refs:max|"
        f"version:{__version__}"
    )
