from __future__ import annotations

import re
from pathlib import Path

import nutgraf
from nutgraf.report.panels import panels_of, series_of
from nutgraf.report.parts import Mark

PACKAGE = Path(nutgraf.__file__).parent


def test_a_series_keeps_the_records_that_have_the_number():
    records = [
        {"step": 1, "a": 2.0},
        {"step": 2},
        {"a": 3.0},
        {"step": 3, "a": "text"},
        {"step": 4, "a": 5},
    ]
    series = series_of(records, "a", "name")
    assert (series.name, series.x, series.y) == ("name", [1, 4], [2.0, 5])


def test_training_and_validation_share_a_picture():
    records = [{"step": 1, "train/loss": 2.0}, {"step": 1, "valid/loss": 3.0}]
    (panel,) = panels_of(records)
    assert [series.name for series in panel.series] == ["training", "validation"]
    assert "nats" in panel.y_label


def test_parts_of_the_reward_share_a_picture():
    names = ("mean", "spread", "rouge", "length")
    panels = panels_of([{"step": 1, **{f"reward/{name}": 1.0 for name in names}}])
    assert [panel.title for panel in panels] == [
        "Reward",
        "Parts of the reward",
        "Spread of rewards",
    ]
    assert [series.name for series in panels[1].series] == ["rouge", "length"]


def test_what_the_guard_watches_has_its_pictures():
    names = ("reward", "chrf", "rouge1_recall", "length_ratio", "repetition")
    names += ("copied_share", "broken")
    log = [{"step": 1, **{f"guard/{name}": 1.0 for name in names}}]
    panels = {panel.title: panel for panel in panels_of(log, [Mark(1, "here")])}
    assert list(panels) == [
        "Reward",
        "What is not rewarded",
        "Length of greedy texts",
        "Repetition and copying of watched texts",
    ]
    lines = panels["What is not rewarded"].series
    assert [series.name for series in lines] == ["chrF", "ROUGE-1 recall"]
    assert all(panel.marks == [Mark(1, "here")] for panel in panels.values())


def test_unknown_numbers_come_last():
    panels = panels_of([{"step": 1, "own/number": 1.0, "train/loss": 2.0}])
    assert [panel.title for panel in panels] == ["Loss", "own/number"]


def test_no_records_give_no_picture():
    assert panels_of([]) == []
    assert panels_of(["a line that is no record"]) == []


def test_all_numbers_that_the_trainers_log_have_a_picture():
    sources = ("rl/trainer.py", "rl/learner.py", "rl/watch.py")
    sources += ("training/supervised.py", "training/epochs.py")
    text = "".join((PACKAGE / source).read_text() for source in sources)
    groups = "time|policy|loss|train|reward|sample|valid"
    names = set(re.findall(rf'"((?:{groups})/[a-z_]+)"', text))
    assert {"train/loss", "policy/kl_to_start"} <= names
    panels = panels_of([{"step": 1, **dict.fromkeys(names, 1.0)}])
    assert {panel.title for panel in panels} & names == set()
