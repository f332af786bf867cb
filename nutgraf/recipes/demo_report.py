"""The page that `nutgraf demo` leaves: what was found, in tables and pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.evaluation.score import Evaluation, Leads, compare
from nutgraf.metrics.names import LABELS
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.recipes.shown import attention_picture
from nutgraf.report.guard import findings
from nutgraf.report.panels import panels_of
from nutgraf.report.parts import Estimate, Fact, Report, Sample, Table
from nutgraf.report.samples import SHOWN

__all__ = ["COLUMNS", "DemoResult", "demo_report", "shown_rows", "systems"]

COLUMNS = (
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "length_ratio",
    "repetition",
    "novel_bigrams",
)
"""Metrics in the demo's tables."""


class DemoResult(NamedTuple):
    """What the demo found.

    Attributes:
        rows: the test rows.
        texts: system -> one text per row: "supervised" and "RL".
        leads: the baselines.
        supervised: scores of the start.
        rl: scores after RL.
        records: the numbers of each update.
        seconds: of the whole.
        settings: of the RL run.
    """

    rows: list[Row]
    texts: dict[str, list[str]]
    leads: Leads
    supervised: Evaluation
    rl: Evaluation
    records: list[dict[str, float]]
    seconds: float
    settings: ImproveSettings


def shown_rows(result: DemoResult) -> list[int]:
    """Return which test rows are shown: drawn by the seed, not picked.

    Args:
        result: of `demo`.

    Returns:
        Up to five indices, rising.
    """
    random = np.random.default_rng(result.settings.rl.seed)
    return sorted(random.permutation(len(result.rows))[:SHOWN].tolist())


def systems(result: DemoResult) -> list[Evaluation]:
    """Return the systems of the demo in the order in which they are shown.

    Args:
        result: of `nutgraf.recipes.demo.demo`.

    Returns:
        First sentence, first ten words, supervised, RL.
    """
    leads = result.leads
    return [leads.sentence, leads.ten_words, result.supervised, result.rl]


def _table(result: DemoResult) -> Table:
    rows = []
    for system in systems(result):
        cells = [Estimate(*system.interval(metric)) for metric in COLUMNS]
        p_value = None
        if system is not result.supervised:
            p_value = f"{compare(system, result.supervised).p_value:.4f}"
        rows.append([system.name, *cells, p_value])
    return Table(
        "Held-out docstrings",
        ("system", *(LABELS[name] for name in COLUMNS), "p"),
        rows,
        f"n = {result.rl.n} docstrings of unseen modules, greedy decoding, 95 % "
        f"bootstrap intervals; p: paired test of the mean of ROUGE-1, 2, L against "
        f"supervised. {result.rl.signature}",
    )


def demo_report(result: DemoResult, policy: Any) -> Report:
    """Return the page of a demo.

    Args:
        result: of `nutgraf.recipes.demo.demo`.
        policy: the policy after RL.

    Returns:
        The report.
    """
    shown = shown_rows(result)
    test = compare(result.rl, result.supervised)
    guard = findings(result.records, asdict(result.settings.guard))
    before, after = (
        system.means()["rouge_mean"] for system in (result.supervised, result.rl)
    )
    samples = [
        Sample(
            result.rows[index].document,
            {name: texts[index] for name, texts in result.texts.items()},
            result.rows[index].references[0],
            result.rows[index].id,
        )
        for index in shown
    ]
    pictures = [
        attention_picture(policy, result.rows[index], result.texts["RL"][index])
        for index in shown[:1]
    ]
    return Report(
        title="A summariser that learned from a reward",
        kind="nutgraf demo",
        facts=[
            Fact("mean ROUGE before RL", f"{before:.1f}", "mean of ROUGE-1, 2, L"),
            Fact("after RL", f"{after:.1f}", f"x {after / max(before, 1e-9):.3f}"),
            Fact(
                "gain",
                f"{test.difference:+.2f}",
                f"95 % {test.low:+.2f} to {test.high:+.2f}, p = {test.p_value:.4f}",
            ),
            Fact(
                "updates", f"{len(result.records)}", f"{result.seconds:,.0f} s in all"
            ),
        ],
        summary=[
            "The model reads the body of a Python docstring and writes its first line. "
            "It was trained to imitate, then improved with a reward: ROUGE of its own "
            "samples, less penalties for a wrong length and for saying things twice.",
            "The examples are drawn by the seed, not picked.",
            *guard.sentences,
        ],
        tables=[_table(result)],
        curves=panels_of(result.records, guard.marks),
        samples=samples,
        attention=[picture for picture in pictures if picture is not None],
        settings=asdict(result.settings),
    )
