"""BLEU of sentences and of a corpus: the numbers of the `sacrebleu` package.

A corpus score is no mean of sentence scores: the counts of all rows are added up, and
one score is made of the sums. The counts of each row are kept, so the score of any
resampling of the rows is that of `rows[chosen]`.

Reference: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine
Translation"; Post 2018, "A Call for Clarity in Reporting BLEU Scores", arXiv
1804.08771; Chen and Cherry 2014, W14-3346 (smoothing; "exp" is their method 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from nutgraf.errors import ConfigError
from nutgraf.metrics.rows import check_references, reference_count
from nutgraf.metrics.statistics import Statistics
from nutgraf.text.words import WordKind

__all__ = ["Bleu", "Tokenize", "bleu", "corpus_score", "tokenize_for"]

Tokenize = Literal["13a", "intl", "zh", "char", "none"]
"""How sacrebleu cuts a text into words; none of these needs further files."""

_ORDERS = 4


class Bleu(NamedTuple):
    """Counts that add up over rows, and the score of each row on its own.

    Attributes:
        rows: (n, 10) int64: words of the prediction, words of the reference nearest in
            length, n-grams of 1 to 4 words also in a reference, all n-grams of 1 to 4.
        sentences: (n,) float64 in 0-100, sentence BLEU: orders that the text is too
            short for are left out, orders without a hit are smoothed ("exp").
        signature: settings and version, to be printed beside the score.
    """

    rows: np.ndarray
    sentences: np.ndarray
    signature: str

    @property
    def score(self) -> float:
        """Corpus BLEU in 0-100."""
        return corpus_score(self.rows)

    @property
    def statistics(self) -> Statistics:
        """The counts with the function that makes corpus BLEU of their sums."""
        return Statistics(self.rows.astype(np.float64), _scores)


def tokenize_for(words: WordKind) -> Tokenize:
    """Return the usual tokenizer of sacrebleu for a kind of words.

    Args:
        words: "english" or "cjk", see `nutgraf.text.words`.

    Returns:
        "zh" for "cjk" (kana and hangul are not cut: take "char" for those), else "13a".

    Example:
        >>> tokenize_for("cjk")
        'zh'
    """
    return "zh" if words == "cjk" else "13a"


def corpus_score(rows: np.ndarray) -> float:
    """Return corpus BLEU of counts.

    Args:
        rows: (n, 10) int64, see `Bleu`; any choice of rows, repeated ones too.

    Returns:
        BLEU in 0-100; 0 without rows.

    Example:
        >>> found = bleu(["a b c d", "x"], [["a b c d"], ["y"]])
        >>> round(corpus_score(found.rows[:1]), 2)
        100.0
    """
    return float(_scores(rows.sum(axis=0)))


def _scores(sums: np.ndarray) -> np.ndarray:
    """Corpus BLEU of each of the sums, (..., 10) to (...)."""
    from sacrebleu.metrics import BLEU

    def score(counts: np.ndarray) -> float:
        whole = np.rint(counts).astype(int).tolist()
        return float(
            BLEU.compute_bleu(
                correct=whole[2 : 2 + _ORDERS],
                total=whole[2 + _ORDERS :],
                sys_len=whole[0],
                ref_len=whole[1],
                smooth_method="exp",
            ).score
        )

    return np.apply_along_axis(score, -1, sums)


def bleu(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: Tokenize = "13a",
) -> Bleu:
    """Count and score the n-grams of texts.

    Case counts. Rows may have different numbers of references.

    Args:
        predictions: n texts, not tokenised.
        references: n lists of one or more texts.
        tokenize: how sacrebleu cuts words, see `tokenize_for`.

    Returns:
        Counts and sentence scores; `.score` is that of the corpus.

    Raises:
        ConfigError: `tokenize` is unknown.
        DataError: the numbers of rows differ, or a row has no reference.

    Example:
        >>> found = bleu(["the cat sat on a mat"], [["the cat sat on the mat"]])
        >>> # 5/6, 3/5, 2/4 and 1/3 of the n-grams, as long as the reference
        >>> round(found.score, 2)
        53.73

    Reference: Papineni et al. 2002, section 2.3.
    """
    if tokenize not in get_args(Tokenize):
        raise ConfigError(
            f"tokenize must be one of {', '.join(get_args(Tokenize))}. Received: "
            f'{tokenize!r}. "13a" is usual, "zh" for Chinese.'
        )
    check_references(predictions, references)
    from sacrebleu.metrics import BLEU

    # Shorter texts than four words would all get 0 without effective_order.
    metric = BLEU(tokenize=tokenize, effective_order=True, force=True)
    rows = np.zeros((len(predictions), 2 + 2 * _ORDERS), dtype=np.int64)
    sentences = np.zeros(len(predictions))
    for number, (text, row) in enumerate(zip(predictions, references, strict=True)):
        found = metric.sentence_score(text, list(row))
        rows[number] = [found.sys_len, found.ref_len, *found.counts, *found.totals]
        sentences[number] = found.score
    return Bleu(rows, sentences, _signature(references, tokenize))


def _signature(references: Sequence[Sequence[str]], tokenize: Tokenize) -> str:
    """Return what sacrebleu prints beside a corpus score with these settings."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize=tokenize)
    metric.num_refs = reference_count(references)
    return f"BLEU|{metric.get_signature().format()}"
