"""Answer a question about a text, in words of the model's own: exact match and F1.

The source is the question and, below it, the text (`nutgraf.data.questions`).

Reference: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension
of Text", section 6, arXiv 1606.05250.
"""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf import __version__
from nutgraf.data.files import Fields
from nutgraf.data.questions import split_asked
from nutgraf.data.rows import Row
from nutgraf.metrics.answers import answer_words, exact_match, token_f1
from nutgraf.metrics.statistics import mean_of
from nutgraf.tasks.task import Scored, Task, style_of
from nutgraf.text.sentences import split_sentences
from nutgraf.text.words import WordKind

__all__ = ["ANSWER", "nearest_sentence"]


def nearest_sentence(document: str, words: WordKind = "english") -> str:
    r"""Return the sentence of the text that shares most words with the question.

    Args:
        document: question and text, of `nutgraf.data.questions.ask`.
        words: "english" or "cjk".

    Returns:
        The first such sentence; "" for an empty text.

    Example:
        >>> nearest_sentence("Who sat?\nIt rained. A cat sat.")
        'A cat sat.'
    """
    question, context = split_asked(document)
    wanted = set(answer_words(question, words))
    sentences = split_sentences(context) or [""]
    return max(
        sentences, key=lambda one: len(wanted.intersection(answer_words(one, words)))
    )


def _score(rows: Sequence[Row], texts: Sequence[str], words: WordKind) -> Scored:
    """The scores of SQuAD's script; the best reference counts."""
    references = [row.references for row in rows]
    statistics = {
        "exact_match": mean_of(exact_match(texts, references, words)),
        "token_f1": mean_of(token_f1(texts, references, words)),
        **style_of(texts, rows, words),
    }
    norm = "squad" if words == "english" else "mlqa"
    signature = f"EM, F1|norm:{norm}|words:{words}|refs:max|version:{__version__}"
    return Scored(statistics, signature)


def _baselines(rows: Sequence[Row], words: WordKind) -> dict[str, list[str]]:
    return {"nearest sentence": [nearest_sentence(row.document, words) for row in rows]}


ANSWER = Task(
    name="answer",
    fields=Fields("context", "answers", "question"),
    score=_score,
    baselines=_baselines,
    main="token_f1",
    validation=("exact_match", "token_f1", "length_ratio"),
    reward=("token_f1=1",),
    watched=("token_f1", "exact_match", "chrf", "rouge1_precision", "rouge1_recall"),
    max_source=400,
    max_target=32,
)
