"""A report with every part, and the folders of a supervised and of an RL run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nutgraf.report.parts import (
    Attention,
    Curves,
    Estimate,
    Fact,
    Report,
    Sample,
    Series,
    Table,
)

EVIL = "<script>alert('x')</script> & \"q\" $a_1$ \x00"


def full_report() -> Report:
    """Text that could do harm stands in every part."""
    x = np.arange(1, 101)
    weights = np.full((2, 3), 1 / 3)
    return Report(
        title=f"title {EVIL}",
        kind=f"kind {EVIL}",
        facts=[Fact(f"fact {EVIL}", f"value {EVIL}", f"note {EVIL}")],
        summary=[f"summary {EVIL}", "今天天气很好"],
        tables=[
            Table(
                f"table {EVIL}",
                [f"column {EVIL}", "score", "words"],
                [
                    [f"cell {EVIL}", Estimate(3.0, 2.0, 4.0), 1234],
                    ["row", None, 0.5],
                ],
                f"signature {EVIL}",
            )
        ],
        curves=[
            Curves(
                f"curves {EVIL}",
                f"unit {EVIL}",
                [
                    Series(f"line {EVIL}", x, np.sin(x), np.sin(x) - 1, np.sin(x) + 1),
                    Series("other", x, np.cos(x)),
                ],
                note=f"reading {EVIL}",
            )
        ],
        samples=[
            Sample(f"document {EVIL}", {f"system {EVIL}": f"text {EVIL}"}, EVIL),
            Sample("天气" * 400, {"a": ""}),
        ],
        attention=[
            Attention(
                f"map {EVIL}", ["天气", EVIL, " c"], [EVIL, "\n"], weights, [0.5, 1.0]
            )
        ],
        settings={f"key {EVIL}": EVIL, "rl": {"updates": 7, "deep": {"on": True}}},
    )


@pytest.fixture
def report() -> Report:
    return full_report()


def write_run(folder, records, card=None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "metrics.jsonl").write_text(text)
    if card is not None:
        (folder / "run.json").write_text(json.dumps(card))


@pytest.fixture
def supervised_run(tmp_path):
    records = [{"step": s, "train/loss": 8.0 / s} for s in range(1, 11)]
    records += [
        {"step": 5, "valid/loss": 3.0, "valid/rouge1": 11.0, "valid/rougeL": 9.0},
        {"step": 10, "valid/loss": 3.5, "valid/rouge1": 12.0, "valid/rougeL": 10.0},
    ]
    card = {
        "settings": {"out": "x", "data": {"source": "docstrings"}},
        "versions": {"backend": "tensorflow", "devices": ["CPU"]},
        "weights": 5_600_000,
        "estimate": {"updates": 40.0},
    }
    write_run(tmp_path / "news", records, card)
    return tmp_path / "news"


@pytest.fixture
def rl_run(tmp_path):
    records = [
        {
            "step": s,
            "reward/mean": s / 100,
            "reward/rouge": s / 90,
            "policy/kl_to_start": s / 1000,
            "time/sample": 0.5,
            "own/number": 3.0,
        }
        for s in range(1, 101)
    ]
    card = {
        "settings": {
            "algorithm": "grpo",
            "start": "starter",
            "reward": {"parts": ["rouge=1", "length=0.2"]},
            "rl": {"updates": 100, "prompts": 4, "samples": 8},
        }
    }
    write_run(tmp_path / "better", records, card)
    return tmp_path / "better"
