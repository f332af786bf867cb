"""The numbers that texts are scored by, and what tables and pictures call them."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["LABELS", "METRICS", "MetricName"]

MetricName: TypeAlias = Literal[
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "rouge_mean",
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
    "length_ratio": "length ratio",
    "repetition": "repetition",
    "novel_bigrams": "novel bigrams",
    "copied_share": "copied",
}
"""Names in tables, by metric."""
