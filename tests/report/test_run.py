from __future__ import annotations

import json

import pytest

from nutgraf.errors import RunError
from nutgraf.report.page import render
from nutgraf.report.parts import Estimate, Mark
from nutgraf.report.run import evaluation_table, read_samples, report_of_run

SCORES = {
    "n": 2000,
    "signature": "rouge|stemmer",
    "metrics": {
        "rouge1": {"mean": 30.0, "low": 29.0, "high": 31.0},
        "length_ratio": {"mean": 0.9, "low": 0.8, "high": 1.0},
    },
}


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


def test_scores_and_texts_are_read(rl_run):
    (rl_run / "evaluation.json").write_text(json.dumps(SCORES))
    result = {"p_value": 0.01, "after": {"rouge1": {"mean": 1, "low": 0, "high": 2}}}
    (rl_run / "result.json").write_text(json.dumps(result))
    samples = [{"document": "d", "reference": "r", "texts": {"start": "s", "rl": "t"}}]
    (rl_run / "samples.json").write_text(json.dumps(samples))
    attention = {"source_tokens": ["a"], "text_tokens": ["b"], "weights": [[0.5]]}
    (rl_run / "attention.json").write_text(json.dumps([attention]))
    report = report_of_run(rl_run)
    evaluation, other = report.tables
    assert evaluation.rows[0] == ["ROUGE-1", Estimate(30.0, 29.0, 31.0)]
    assert "n = 2,000" in evaluation.note and "rouge|stemmer" in evaluation.note
    assert other.rows == [["p value", 0.01], ["after rouge1", Estimate(1.0, 0.0, 2.0)]]
    assert report.samples[0].texts == {"start": "s", "rl": "t"}
    assert len(report.attention) == 1
    render(report)


@pytest.mark.parametrize(
    "several",
    [{"start": SCORES, "rl": SCORES}, [{"name": n, **SCORES} for n in ("start", "rl")]],
)
def test_several_systems_stand_below_each_other(several):
    table = evaluation_table(several)
    assert table.columns == ["system", "ROUGE-1", "length ratio"]
    assert [row[0] for row in table.rows] == ["start", "rl"]


def test_samples_come_in_several_forms():
    values = [
        {"document": "d", "references": ["r", "other"], "id": "row-1", "ours": "t"},
        {"document": "e"},
    ]
    first, second = read_samples(values)
    assert (first.reference, first.title, first.texts) == ("r", "row-1", {"ours": "t"})
    assert (second.reference, second.texts) == ("", {})


@pytest.mark.parametrize(
    "name", ["evaluation.json", "result.json", "samples.json", "attention.json"]
)
@pytest.mark.parametrize("text", ["{", "[1]", '{"metrics": 3}', '"text"'])
def test_odd_files_do_not_stop_the_report(supervised_run, name, text):
    (supervised_run / name).write_text(text)
    report = report_of_run(supervised_run)
    render(report)
    assert report.curves
    assert any(name in line for line in report.summary) or name == "result.json"


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
