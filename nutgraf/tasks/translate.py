"""Translate: chrF and BLEU as `sacrebleu` computes them, a reward of chrF.

chrF decides: it needs no words, so it means the same for German and for Chinese, and a
sentence on its own has a chrF that can be learned from.

Reference: Popovic 2015, "chrF", W15-3049; Post 2018, "A Call for Clarity in Reporting
BLEU Scores", arXiv 1804.08771.
"""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.data.files import Fields
from nutgraf.data.rows import Row
from nutgraf.metrics.bleu import bleu, tokenize_for
from nutgraf.metrics.chrf import chrf
from nutgraf.metrics.overlap import copied_share
from nutgraf.metrics.statistics import mean_of
from nutgraf.tasks.task import Scored, Task, style_of
from nutgraf.text.words import WordKind

__all__ = ["TRANSLATE"]


def _score(rows: Sequence[Row], texts: Sequence[str], words: WordKind) -> Scored:
    """Corpus chrF and BLEU; words copied in runs of three were not translated."""
    references = [row.references for row in rows]
    letters = chrf(texts, references)
    grams = bleu(texts, references, tokenize_for(words))
    documents = [row.document for row in rows]
    statistics = {"chrf": letters.statistics, "bleu": grams.statistics}
    statistics |= style_of(texts, rows, words)
    statistics["copied_share"] = mean_of(copied_share(texts, documents, 3, words))
    return Scored(statistics, f"{letters.signature}; {grams.signature}")


def _baselines(rows: Sequence[Row], words: WordKind) -> dict[str, list[str]]:
    del words
    return {"copy of the source": [row.document for row in rows]}


TRANSLATE = Task(
    name="translate",
    fields=Fields("source", "target"),
    score=_score,
    baselines=_baselines,
    main="chrf",
    validation=("chrf", "bleu", "length_ratio"),
    # chrF weighs recall twice: in a wider band texts grow, and BLEU falls.
    reward=("chrf=1", "length(low=0.9, high=1.1)=0.5", "repetition=0.5"),
    watched=("chrf", "bleu", "rouge1_precision", "rouge1_recall"),
    max_source=96,
    max_target=96,
)
