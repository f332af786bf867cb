import dataclasses
import re

import pytest

from nutgraf.evaluation.score import best_lead, score_texts
from nutgraf.recipes.demo_report import (
    COLUMNS,
    DemoResult,
    demo_report,
    shown_rows,
    systems,
)
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.report.write import write_report
from nutgraf.testing.toys import toy_policy, toy_rows

OUTSIDE = re.compile(r"(?:src|href)\s*=\s*[\"'](?!#|data:)|@import|url\((?!#|data:)")


def toy_result(count=12):
    """A demo's result: before, two of four words are right; after, all are."""
    rows = toy_rows(count)
    after = [row.references[0] for row in rows]
    before = [" ".join(text.split()[:2]) for text in after]
    records = [
        {"step": step, "reward/mean": 0.1 * step, "sample/length": 4.0 + step}
        for step in (1, 2, 3)
    ]
    return DemoResult(
        rows,
        {"supervised": before, "RL": after},
        best_lead(rows),
        score_texts(rows, before, name="supervised"),
        score_texts(rows, after, name="RL"),
        records,
        12.3,
        ImproveSettings(),
    )


@pytest.fixture(scope="module")
def result():
    return toy_result()


@pytest.fixture(scope="module")
def report(result, tokenizer):
    return demo_report(result, toy_policy(tokenizer))


def test_the_rows_that_are_shown_are_drawn_by_the_seed(result):
    shown = shown_rows(result)
    assert shown == shown_rows(result) == sorted(set(shown))
    assert len(shown) == 5
    settings = ImproveSettings()
    other = dataclasses.replace(settings, rl=dataclasses.replace(settings.rl, seed=1))
    assert shown_rows(result._replace(settings=other)) != shown
    assert shown_rows(result._replace(rows=result.rows[:2])) == [0, 1]


def test_the_table_has_every_system_with_intervals(result, report):
    names = [system.name for system in systems(result)]
    assert names[2:] == ["supervised", "RL"]
    table = report.tables[0]
    assert [row[0] for row in table.rows] == names
    assert len(table.columns) == len(COLUMNS) + 2
    before, after = table.rows[2], table.rows[3]
    assert before[-1] is None  # it is what the others are tested against
    assert float(after[-1]) < 0.01
    assert after[1] == pytest.approx((100, 100, 100))
    # two of four words: precision 1, recall 1/2
    assert before[1][0] == pytest.approx(200 / 3)


def test_the_page_tells_the_gain(result, report):
    facts = {fact.name: fact.value for fact in report.facts}
    gain = result.rl.means()["rouge_mean"] - result.supervised.means()["rouge_mean"]
    assert facts["gain"] == f"{gain:+.2f}"
    assert facts["updates"] == "3"
    assert [sample.title for sample in report.samples] == [
        result.rows[index].id for index in shown_rows(result)
    ]


def test_the_page_needs_nothing_else(report, tmp_path):
    text = write_report(tmp_path / "report.html", report).read_text(encoding="utf-8")
    assert not OUTSIDE.search(text)
    assert "<svg" in text
    assert "Held-out docstrings" in text
    assert "Where the copy head looked" in text
