"""The page that `nutgraf demo` leaves: what was found, in tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from nutgraf.arrays import EOS
from nutgraf.backend import to_numpy
from nutgraf.data.rows import Row
from nutgraf.evaluation.score import Evaluation, Leads, compare
from nutgraf.metrics.names import LABELS
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.report.guard import findings
from nutgraf.report.panels import panels_of
from nutgraf.report.parts import (
    Attention,
    Estimate,
    Fact,
    Report,
    Sample,
    Table,
)

__all__ = ["COLUMNS", "DemoResult", "attention_picture", "demo_report", "shown_rows"]
__all__ += ["systems"]

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

SHOWN = 5
"""Test rows whose texts are shown."""


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


def attention_picture(policy: Any, row: Row, text: str) -> Attention | None:
    """Return where the copy head looked while it wrote a text.

    Args:
        policy: the policy.
        row: the source.
        text: what was written.

    Returns:
        The picture; None for a model without copy head or an empty text.
    """
    if not policy.model.config.copy:
        return None
    codec = policy.codec
    batch = codec.batch([row])
    ids = codec.tokenizer.encode(text)[: codec.max_target - 1]
    maps = policy.model.attention_maps(
        batch.source_ids, np.asarray([[*ids, EOS]], np.int32)
    )
    if not ids:
        return None
    weights, share = (to_numpy(maps[name])[0] for name in ("copy", "copy_share"))
    source = batch.source_ids[0][batch.source_mask[0]].tolist()

    def pieces(tokens: Sequence[int]) -> list[str]:
        return [codec.tokenizer.decode([token]) for token in tokens]

    return Attention(
        f"Where the copy head looked: {row.id}",
        pieces(source),
        [*pieces(ids), "<eos>"],
        weights[:, : len(source)],
        share,
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
