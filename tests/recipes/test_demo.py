import contextlib
import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from nutgraf.recipes import demo as module
from nutgraf.recipes.demo import DEMO, LEAST_UPDATES, demo
from nutgraf.recipes.demo_report import COLUMNS
from nutgraf.recipes.settings import DemoSettings
from nutgraf.report.run import report_of_run
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.live import live_display
from nutgraf.rl.trainer import RLTrainer
from nutgraf.testing.toys import toy_rows
from tests.recipes.test_demo_report import OUTSIDE
from tests.recipes.test_improve import still, toy_run


@contextlib.contextmanager
def interrupting(*arguments):
    """The live display, with a Ctrl-C in the second update."""
    with live_display(*arguments) as show:

        def watch(update, record):
            show(update, record)
            if update == 2:
                raise KeyboardInterrupt

        yield watch


def compile_nothing(patch):
    """Let the demo write the same for all rows, and updates change nothing."""
    written = lambda generator, rows, *others: ["a"] * len(rows)  # noqa: E731
    patch.setattr(module, "write_texts", written)
    patch.setattr(module.Generator, "__call__", written)  # the guard's looks
    patch.setattr(RLTrainer, "update", still("reward/mean"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def settings(folder):
    return DemoSettings(out=str(folder / "out"))


@pytest.fixture(scope="module")
def run(folder):
    run = toy_run(folder, guard=GuardSettings(every=1, rows=8))
    return dataclasses.replace(run, rl=dataclasses.replace(run.rl, updates=2))


@pytest.fixture(scope="module")
def interrupted(settings, run):
    """Files of a demo that was interrupted in its second update."""
    with pytest.MonkeyPatch.context() as patch:
        compile_nothing(patch)
        patch.setattr(module, "live_display", interrupting)
        with pytest.raises(KeyboardInterrupt):
            demo(settings, run=run)
    return sorted(path.name for path in Path(settings.out).iterdir())


@pytest.fixture(scope="module")
def finished(interrupted, settings, run):
    """Lines and result of the demo that goes on."""
    lines = []
    return lines, demo(settings, lines.append, run)


@pytest.fixture(scope="module")
def found(finished, settings):
    return json.loads((Path(settings.out) / "result.json").read_text())


def test_an_interrupted_demo_goes_on(interrupted, finished, found):
    assert interrupted == ["rl"]
    _, result = finished
    assert [record["step"] for record in result.records] == [1, 2]
    assert found["reward_curve"] == [r["reward/mean"] for r in result.records]
    assert found["updates"] == 2


def test_the_result_has_every_number(found):
    assert found["n_test"] == 12
    for system in ("lead", "supervised", "rl"):
        assert set(COLUMNS) <= set(found[system]), system
    assert 0 <= found["p_value"] <= 1
    assert found["gain"]["low"] <= found["gain"]["mean"] <= found["gain"]["high"]
    gain = found["rl"]["rouge_mean"] - found["supervised"]["rouge_mean"]
    assert found["gain"]["mean"] == pytest.approx(gain, abs=1e-9)
    assert found["seconds"] > 0
    assert found["signature"].startswith("ROUGE")
    assert found["settings"]["rl"]["updates"] == 2
    assert {"nutgraf", "keras", "backend"} <= set(found["versions"])


def test_the_lead_knows_the_toy_rows(found):
    """Their summary is the first four words: recall is 1, precision 4 of 10."""
    assert found["lead"]["rouge1"] == pytest.approx(100 * 8 / 14)


def test_the_samples_have_a_text_of_each_system(finished, found):
    _, result = finished
    assert len(found["samples"]) == 5
    by_id = {row.id: number for number, row in enumerate(result.rows)}
    for sample in found["samples"]:
        number = by_id[sample["id"]]
        assert sample["reference"] == result.rows[number].references[0]
        for name in ("supervised", "RL"):
            assert sample[name] == result.texts[name][number]


def test_the_user_is_told_what_is_read(finished):
    lines, _ = finished
    assert "24 training rows, 12 test rows of unseen modules" in lines
    assert "the guard looks at 8 training rows every 1 updates" in lines


def test_the_guard_looked(finished):
    _, result = finished
    assert all("guard/reward" in record for record in result.records)


def test_the_page_is_one_file(finished, settings):
    text = (Path(settings.out) / "report.html").read_text(encoding="utf-8")
    assert not OUTSIDE.search(text)
    assert re.search("<svg", text)


def test_the_run_has_a_report_of_its_own(finished, settings):
    report = report_of_run(f"{settings.out}/rl")
    assert len(report.samples) == 5
    for sample in report.samples:
        assert list(sample.texts) == ["start", "after update 2"]
    (picture,) = report.attention
    assert picture.title.endswith(report.samples[0].title)


def test_a_finished_demo_is_replaced(finished, settings, run, monkeypatch):
    """Everything is made anew: the records of one update, not three."""
    compile_nothing(monkeypatch)
    once = dataclasses.replace(run, rl=dataclasses.replace(run.rl, updates=1))
    result = demo(settings, run=once)
    assert [record["step"] for record in result.records] == [1]
    found = json.loads((Path(settings.out) / "result.json").read_text())
    assert found["updates"] == 1
    assert found["p_value"] > 0.99  # the same texts before and after


def slow_run(run, settings, monkeypatch, clock, seconds):
    """A demo on a machine whose first update takes a minute, the others `seconds`."""
    update = still("reward/mean")

    def tick(trainer, state, draw):
        clock[0] += seconds if state.position["step"] else 60.0
        return update(trainer, state, draw)

    compile_nothing(monkeypatch)
    monkeypatch.setattr(RLTrainer, "update", tick)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    many = dataclasses.replace(run, rl=dataclasses.replace(run.rl, updates=40))
    return demo(settings, run=many)


@pytest.mark.parametrize(("seconds", "updates"), [(3.0, 8), (50.0, 5)])
def test_a_slow_machine_does_some_updates(seconds, updates, run, tmp_path, monkeypatch):
    """Compiling takes the minute; then 20 seconds are for RL, or 5 updates."""
    short = DemoSettings(out=str(tmp_path), minutes=1.0)
    result = slow_run(run, short, monkeypatch, [0.0], seconds)
    assert len(result.records) == updates >= LEAST_UPDATES
    assert json.loads((tmp_path / "result.json").read_text())["updates"] == updates


def test_the_minutes_are_kept(run, tmp_path, monkeypatch):
    """After 60 seconds for the first update, 20 updates fit into two minutes."""
    clock = [0.0]
    two = DemoSettings(out=str(tmp_path), minutes=2.0)
    assert len(slow_run(run, two, monkeypatch, clock, 3.0).records) == 22
    assert 120 < clock[0] < 124


def test_some_test_rows_are_evaluated_when_time_is_short(run, tmp_path, monkeypatch):
    clock = [0.0]

    def write(generator, rows, *others):
        clock[0] += len(rows)
        return ["a"] * len(rows)

    compile_nothing(monkeypatch)
    monkeypatch.setattr(module.Generator, "__call__", write)
    monkeypatch.setattr(module, "write_texts", write)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    rows, lines = toy_rows(400), []
    monkeypatch.setattr(module, "load_split", lambda data, split: rows)
    short = DemoSettings(out=str(tmp_path), minutes=10.0)
    result = demo(short, lines.append, run)
    assert [row.id for row in result.rows[:3]] == ["row0", "row2", "row5"]
    assert len(result.rows) == result.rl.n == 150  # 15 seconds of each minute
    assert "the time is short: 150 of the test rows are evaluated" in lines


def test_what_the_demo_runs():
    assert (DEMO.start, DEMO.data.source) == ("starter", "docstrings")
    assert DEMO.guard.on == "warn"
    assert DEMO.reward.parts[0] == "rouge=1"


def test_the_run_says_what_it_is(finished, settings):
    card = json.loads((Path(settings.out) / "rl" / "run.json").read_text())
    assert card["rows"] == int(card["data"].partition(" ")[0])
    assert card["settings"]["algorithm"] == "grpo"
    assert {"nutgraf", "keras", "backend"} <= set(card["versions"])
