"""`nutgraf evaluate`: scores of a model or of texts, beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.cli.config import load_settings
from nutgraf.cli.quiet import load_backend, say
from nutgraf.evaluation.settings import EvaluateSettings

__all__ = ["SETTINGS", "run"]

SETTINGS = EvaluateSettings
"""What `nutgraf init evaluate` writes."""


def run(argv: Sequence[str]) -> int:
    """Evaluate, print the table, write the files if a folder is named.

    Args:
        argv: arguments after `nutgraf evaluate`.

    Returns:
        0.
    """
    settings = load_settings(
        EvaluateSettings,
        argv,
        prog="nutgraf evaluate",
        description=(
            "Write the texts of a model for a split, or read texts from a file, and "
            "score them as the task has it (ROUGE; chrF and BLEU; exact match and F1), "
            "with 95 % intervals, beside baselines that need no model and the p-value "
            "of each against the model."
        ),
        examples=[
            "nutgraf evaluate",
            "nutgraf evaluate runs/train/best --beams 4 --out runs/train",
            "nutgraf evaluate runs/news/best --data.source cnn_dailymail --lead 3",
            "nutgraf evaluate --best_of 8 --reward coverage=1 repetition=1",
            "nutgraf evaluate runs/mt/best --task translate --data.source files "
            "--data.test test.jsonl --data.source_field en --data.target_field de",
            "nutgraf evaluate --predictions texts.jsonl --data.source files "
            "--data.test news.test.jsonl --oracle",
        ],
        positional=["model"],
    )
    if not settings.predictions:
        load_backend()
    from nutgraf.evaluation.run import evaluate
    from nutgraf.evaluation.table import print_table, score_table

    result = evaluate(settings, say)
    systems = [*result.baselines, result.system]
    print_table(score_table(systems, baseline=len(result.baselines)))
    if settings.out:
        say(f"wrote evaluation.json and texts.jsonl into {settings.out}")
    return 0
