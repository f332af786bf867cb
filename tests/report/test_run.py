from __future__ import annotations

import json

import pytest

from nutgraf.errors import RunError
from nutgraf.report.page import render
from nutgraf.report.parts import Estimate, Mark
from nutgraf.report.run import evaluation_table, report_of_run

SCORES = {
    "name": "ours",
    "n": 2000,
    "signature": "rouge|stemmer",
    "metrics": {
        "rouge1": {"mean": 30.0, "low": 29.0, "high": 31.0},
        "length_ratio": {"mean": 0.9, "low": 0.8, "high": 1.0},
    },
}
SCORES["baselines"] = {"first sentence": {"metrics": SCORES["metrics"]}}


def facts(report) -> dict[str, str]:
    return {fact.name: fact.value for fact in report.facts}


def test_a_supervised_run(supervised_run):
    report = report_of_run(supervised_run)
    assert (report.title, report.kind) == ("news", "supervised training")
    found = facts(report)
    assert found["updates"] == "10"
    assert report.facts[0].note == "of 40"
    assert found["best validation loss"] == "3.000"
    assert found["ROUGE-1"] == "12.00"
    assert found["size of the model"] == "5.6 M"
    assert report.settings["weights"] == 5_600_000
    assert "docstrings" in report.summary[0]
    assert [curves.title for curves in report.curves][0] == "Loss"


def test_an_rl_run(rl_run):
    report = report_of_run(rl_run)
    assert report.kind == "reinforcement learning"
    # means of the updates 1 to 10 and 91 to 100, over 100
    assert facts(report)["mean reward"].split("\xa0") == ["0.055", "→", "0.955"]
    assert facts(report)["KL to the start"] == "0.0955"
    assert "grpo" in report.summary[0] and "8 samples" in report.summary[0]
    assert report.curves[-1].title == "own/number"


def test_a_verdict_of_the_guard_is_marked(rl_run):
    text = (rl_run / "metrics.jsonl").read_text()
    log = [json.loads(line) for line in text.splitlines()]
    for record in log[9::10]:
        odd = 90.0 if record["step"] > 30 else 5.0
        record |= {"guard/reward": record["step"] / 100, "guard/repetition": odd}
    lines = "".join(json.dumps(record) + "\n" for record in log)
    (rl_run / "metrics.jsonl").write_text(lines)
    assert not any("guard" in line for line in report_of_run(rl_run).summary)
    card = json.loads((rl_run / "run.json").read_text())
    card["settings"]["guard"] = {"on": "warn"}
    (rl_run / "run.json").write_text(json.dumps(card))
    report = report_of_run(rl_run)
    assert "warned at update 50: the reward rises" in report.summary[1]
    assert report.curves[0].marks == [Mark(50, "guard: repetition")]
    assert "guard: repetition" in render(report)


def test_scores_stand_below_each_other():
    table = evaluation_table(SCORES)
    assert table.columns == ["system", "ROUGE-1", "length ratio"]
    assert [row[0] for row in table.rows] == ["first sentence", "ours"]
    assert table.rows[1][1] == Estimate(30.0, 29.0, 31.0)
    assert table.note == "n = 2,000; 95 % intervals over rows; rouge|stemmer"


@pytest.mark.parametrize(
    "name", ["evaluation.json", "texts.jsonl", "samples.json", "attention.json"]
)
@pytest.mark.parametrize("text", ["{", "[1]", '{"metrics": 3}', '"text"'])
def test_odd_files_do_not_stop_the_report(supervised_run, name, text):
    (supervised_run / "evaluation.json").write_text(json.dumps(SCORES))
    (supervised_run / name).write_text(text)
    report = report_of_run(supervised_run)
    render(report)
    assert report.curves
    assert any(name in line for line in report.summary)


def test_nan_and_torn_lines_do_not_stop_the_report(tmp_path):
    lines = [
        '{"step": 1, "train/loss": NaN, "valid/loss": NaN}',
        "3",
        '{"step": 2, "tr',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    report = report_of_run(tmp_path)
    assert facts(report) == {"updates": "1"}
    assert "<svg" not in render(report)


def test_a_run_that_has_not_begun(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert report_of_run(tmp_path).summary == ["No update has been done yet."]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(
        RunError, match=r"metrics\.jsonl.*Received: .*none of them.*out"
    ):
        report_of_run(tmp_path)
    with pytest.raises(RunError, match="no such folder"):
        report_of_run(tmp_path / "absent")
    (tmp_path / "rl").mkdir()
    (tmp_path / "rl" / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"Give the run of the demo, .*/rl\."):
        report_of_run(tmp_path)
