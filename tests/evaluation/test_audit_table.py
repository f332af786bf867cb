"""An audit in words: cells, notes, and who is with people."""

import pytest

from nutgraf.evaluation.audit import Agreement, Audit, Question
from nutgraf.evaluation.audit_table import agreement_table, audit_note, findings

VALUES = {
    "good": Agreement(0.456, 0.3, 0.6),
    "better": Agreement(0.5, 0.4, 0.6),
    "bad": Agreement(-0.25, -0.4, -0.1),
    "unsure": Agreement(0.1, -0.1, 0.3),
    "flat": Agreement(None, None, None),
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
    return Audit(*names, 800, 1600, judged, agreement, 1000, 0)


def test_a_line_per_reward_and_a_column_per_dimension(audit):
    table = agreement_table(audit, "system", "spearman")
    assert table.columns == ["system rho", "fluency", "focus"]
    assert table.rows[0] == ["good", *["0.46 [0.30, 0.60]"] * 2]
    assert table.rows[2] == ["bad", *["-0.25 [-0.40, -0.10]"] * 2]
    assert table.rows[4] == ["flat", "–", "–"]
    assert agreement_table(audit, "summary", "kendall").columns[0] == "summary tau-b"


def test_the_note_tells_n_and_who_skipped(audit):
    lines = audit_note(audit).splitlines()
    assert lines[0].startswith("n = 800 articles, 2 systems, 1,600 texts; 95 %")
    assert lines[2:] == ["flat: judged 12 of 1,600 texts"]


def test_findings_name_the_rewards_by_their_intervals(audit):
    wanted = (
        ": with people better (0.50), good (0.46); against them bad; "
        "no sure order unsure, flat."
    )
    assert findings(audit) == ["fluency" + wanted, "focus" + wanted]
