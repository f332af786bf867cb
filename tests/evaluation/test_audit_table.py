"""An audit in words: cells, notes, and who is with people."""

import pytest

from nutgraf.evaluation.audit import Agreement, Audit, Question
from nutgraf.evaluation.audit_table import (
    agreement_table,
    articles_of,
    audit_note,
    findings,
)

VALUES = {
    "good": Agreement(0.456, 0.3, 0.6, 800),
    "better": Agreement(0.5, 0.4, 0.6, 800),
    "bad": Agreement(-0.25, -0.4, -0.1, 800),
    "unsure": Agreement(-0.001, -0.1, 0.3, 9),
    "flat": Agreement(None, None, None, 0),
}


@pytest.fixture
def audit():
    agreement = {
        Question(level, coefficient, reward, human): value
        for level in ("summary", "system")
        for coefficient in ("kendall", "spearman")
        for reward, value in VALUES.items()
        for human in ("fluency", "focus")
    }
    judged = dict.fromkeys(VALUES, 1600) | {"flat": 12}
    names = tuple(VALUES), ("fluency", "focus"), ("A", "B")
    return Audit(*names, 800, 1600, judged, {}, {}, agreement, 1000, 0)


def test_a_line_per_reward_and_a_column_per_dimension(audit):
    table = agreement_table(audit, "system", "spearman")
    assert table.columns == ["system rho", "fluency", "focus", "articles"]
    assert table.rows[0] == ["good", *["0.46 [0.30, 0.60]"] * 2, "800"]
    assert table.rows[2] == ["bad", *["-0.25 [-0.40, -0.10]"] * 2, "800"]
    assert table.rows[3][1] == "0.00 [-0.10, 0.30]"
    assert table.rows[4] == ["flat", "–", "–", "0"]
    assert agreement_table(audit, "summary", "kendall").columns[0] == "summary tau-b"


def test_articles_are_a_number_or_a_range(audit):
    assert articles_of(audit, "summary", "unsure") == "9"
    question = Question("summary", "kendall", "unsure", "focus")
    audit.agreement[question] = Agreement(0.1, -0.1, 0.3, 12)
    assert articles_of(audit, "summary", "unsure") == "9-12"


def test_the_note_tells_n_and_who_skipped(audit):
    lines = audit_note(audit).splitlines()
    assert lines[0].startswith("n = 800 articles, 2 systems, 1,600 texts; 95 %")
    assert lines[3:] == ["flat: judged 12 of 1,600 texts"]


def test_findings_name_the_rewards_by_their_intervals(audit):
    wanted = (
        ": with people better (0.50), good (0.46); against them bad; "
        "no sure order unsure, flat."
    )
    assert findings(audit) == ["fluency" + wanted, "focus" + wanted]
