"""The numbers that texts are scored by, and what tables and pictures call them.

Which of them a text is scored by is for its task to say (`nutgraf.tasks`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["LABELS", "METRICS", "MetricName"]

MetricName: TypeAlias = Literal[
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "rouge_mean",
    "chrf",
    "bleu",
    "exact_match",
    "token_f1",
    "length_ratio",
    "repetition",
    "novel_bigrams",
    "copied_share",
]
"""`rouge_mean` is the mean of ROUGE-1, 2 and L."""

METRICS: tuple[str, ...] = get_args(MetricName)
"""All of them, in the order of tables."""

LABELS = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "rouge_mean": "mean 1/2/L",
    "chrf": "chrF",
    "bleu": "BLEU",
    "exact_match": "exact match",
    "token_f1": "F1",
    "length_ratio": "length ratio",
    "repetition": "repetition",
    "novel_bigrams": "novel bigrams",
    "copied_share": "copied",
}
"""Names in tables, by metric."""
