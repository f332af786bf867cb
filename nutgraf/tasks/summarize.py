"""Summarise: ROUGE, the Lead baselines, a reward of ROUGE, length and repetition.

Reference: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
"""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.data.files import Fields
from nutgraf.data.rows import Row
from nutgraf.metrics.overlap import copied_share, novel_ngrams
from nutgraf.metrics.rouge import rouge, sentence_lines, signature
from nutgraf.metrics.statistics import mean_of
from nutgraf.rl.guard import METRICS
from nutgraf.tasks.baselines import lead, lead_words
from nutgraf.tasks.task import Scored, Task, style_of
from nutgraf.text.words import WordKind

__all__ = ["SUMMARIZE"]


def _score(rows: Sequence[Row], texts: Sequence[str], words: WordKind) -> Scored:
    """ROUGE against the references; novelty and copying against the document.

    For ROUGE-Lsum, lines are sentences where a text has line breaks; other texts are
    split by `nutgraf.text.sentences`. Everything else ignores line breaks.
    """
    found = rouge(
        [sentence_lines(text) for text in texts],
        [[sentence_lines(text) for text in row.references] for row in rows],
        words=words,
    )
    found["rouge_mean"] = (found["rouge1"] + found["rouge2"] + found["rougeL"]) / 3.0
    documents = [row.document for row in rows]
    statistics = {kind: mean_of(values) for kind, values in found.items()}
    statistics |= style_of(texts, rows, words)
    statistics["novel_bigrams"] = mean_of(novel_ngrams(texts, documents, 2, words))
    statistics["copied_share"] = mean_of(copied_share(texts, documents, 3, words))
    return Scored(statistics, signature(words))


def _baselines(rows: Sequence[Row], words: WordKind) -> dict[str, list[str]]:
    del words
    return {
        "first sentence": [lead(row.document, 1) for row in rows],
        "first ten words": [lead_words(row.document, 10) for row in rows],
    }


SUMMARIZE = Task(
    name="summarize",
    fields=Fields("document", "summary"),
    score=_score,
    baselines=_baselines,
    main="rouge_mean",
    validation=("rouge1", "rouge2", "rougeL", "length_ratio"),
    reward=("rouge=1", "length(low=0.8, high=1.5)=0.2", "repetition=0.5"),
    watched=METRICS,
    max_source=400,
    max_target=100,
    sources=("docstrings", "cnn_dailymail", "files"),
)
