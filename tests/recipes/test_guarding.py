import dataclasses
import json
from pathlib import Path

import pytest

from nutgraf.backend import assign
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.generate import Generator
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.continued import ContinuedSupervised
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.guarding import guard_card, make_watch, validation_rows
from nutgraf.recipes.improve import improve, make_reward
from nutgraf.recipes.settings import ImproveSettings, RewardSettings
from nutgraf.report.run import report_of_run
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer
from nutgraf.rl.watch import Watch
from nutgraf.testing.toys import toy_policy, toy_reward, toy_rows, weights_of
from nutgraf.training.log import read_metrics
from tests.recipes.test_improve import still, toy_run, write_toy_rows


@pytest.fixture
def longer(monkeypatch):
    """Updates that change nothing, and texts of a word more at each look."""
    lengths = iter(range(4, 99))

    def write(generator, rows, values=None, advance=None):
        length = next(lengths)
        return [" ".join(row.document.split()[:length]) for row in rows]

    monkeypatch.setattr(Generator, "__call__", write)
    monkeypatch.setattr(RLTrainer, "update", still("reward/mean"))


def run_of(folder, on, **changes):
    """A run of 8 updates that is paid for recall and looked at after each."""
    guard = GuardSettings(on=on, every=1, rows=8)
    run = toy_run(folder, guard=guard, **changes)
    reward = RewardSettings(parts=("coverage=1", "rouge1(measure=recall)=1"))
    rl = dataclasses.replace(run.rl, updates=8)
    return dataclasses.replace(run, reward=reward, rl=rl)


def card_of(settings):
    return json.loads((Path(settings.out) / "run.json").read_text())["guard"]


# The texts are the first 4, 5, 6, ... words of 20; the references are the first 4. So
# the length ratio is 1 at the start, then 1.25, 1.5, 1.75, 2; its running average is
# 1.125, 1.31, 1.53, 1.77: above 1.5 for the second time at the look after update 5.
# ROUGE-1 precision is 100, 80, 67, ...; its average 90, 78, ...: below 95 at the first
# look already, so for the second time after update 3; so is ROUGE-1.
FIRST, LATER = 3, 5


def test_a_run_warns_once_for_each_reason_and_goes_on(longer, tmp_path):
    lines, settings = [], run_of(tmp_path, "warn")
    assert improve(settings, lines.append)["updates"] == 8
    assert "the guard looks at 8 training rows every 1 updates" in lines
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert warnings[0].startswith(f"warning: update {FIRST}: the reward rises (")
    assert "ROUGE-1 precision is 78.3 (100 at the start, limit 95)" in warnings[0]
    (long,) = (line for line in warnings if "length ratio" in line)
    assert long.startswith(f"warning: update {LATER}:")
    assert "length ratio is 1.77 (1 at the start, limit 1.5)" in long
    assert all(line.endswith("(docs/guard.md)") for line in warnings)
    found = card_of(settings)
    assert (found["ended"], found["weights_of"], found["best"]) == (0, None, 0)
    best = Path(settings.out) / "best"
    assert f"; best safe look at update 0, in {best}; reward" in lines[-1]
    assert load_policy(best).model.config == load_policy(settings.start).model.config
    with pytest.raises(ConfigError, match="that the run does not write. Received: "):
        improve(dataclasses.replace(settings, start=str(best)))
    told = {one["name"]: one["update"] for one in found["warnings"]}
    assert told["rouge1_precision"] == FIRST and told["length_ratio"] == LATER
    report = report_of_run(settings.out)
    assert f"guard warned at update {FIRST}" in " ".join(report.summary)
    assert report.curves[0].marks[0].x == FIRST


def test_a_run_that_is_stopped_says_so_and_can_go_on(longer, tmp_path):
    lines, settings = [], run_of(tmp_path, "stop")
    assert improve(settings, lines.append)["updates"] == FIRST
    assert lines[-1].startswith(f"ended by the guard at update {FIRST}; model in ")
    assert improve(settings, lines.append)["updates"] == FIRST
    assert lines[-1] == "nothing was left to do: the run is ended by the guard"
    assert card_of(settings)["ended"] == FIRST
    onward = dataclasses.replace(settings, guard=GuardSettings(every=1, rows=8))
    assert improve(onward, lines.append)["updates"] == 8


def test_a_run_returns_to_its_best_safe_weights(longer, tmp_path):
    lines, settings = [], run_of(tmp_path, "return")
    improve(settings, lines.append)
    assert "with the weights of update 0; reward" in lines[-1]
    assert card_of(settings)["weights_of"] == card_of(settings)["best"] == 0
    start, last = load_policy(settings.start), load_policy(f"{settings.out}/last")
    for one, two in zip(weights_of(start), weights_of(last), strict=True):
        assert (one == two).all()


def test_the_control_arm_is_watched_and_not_judged(longer, tmp_path, monkeypatch):
    monkeypatch.setattr(ContinuedSupervised, "update", still("loss/supervised"))
    settings = run_of(tmp_path, "stop", algorithm="supervised")
    assert improve(settings)["updates"] == 8
    last = read_metrics(settings.out)[-1]
    assert last["guard/length_ratio"] > 2 and "guard/reward" not in last
    nothing = {"warnings": [], "ended": 0, "weights_of": None, "best": None}
    assert card_of(settings) == nothing
    assert not (Path(settings.out) / "best").exists()


def test_a_real_run_is_the_same_with_and_without_a_guard(tmp_path):
    """The texts are those of the real generator, in the middle of real updates."""
    weights, settings = [], toy_run(tmp_path)
    for on in ("off", "warn"):
        out = str(tmp_path / on)
        guard = GuardSettings(on=on, every=2, rows=5)
        improve(dataclasses.replace(settings, out=out, guard=guard))
        weights.append(weights_of(load_policy(f"{out}/last")))
    for one, two in zip(*weights, strict=True):
        assert (one == two).all()
    log = read_metrics(tmp_path / "warn")
    looks = [record["step"] for record in log if "guard/reward" in record]
    assert looks == [1, 2, 3]
    assert {"guard/chrf", "guard/rouge1_recall", "time/guard"} <= set(log[0])
    assert "guard" not in json.loads((tmp_path / "off" / "run.json").read_text())


# The toy model is shown the first one to four words of a document for a short while.
# Then any one word of it is a good text, as `toy_reward` has it.
SHOWN = [
    row._replace(references=(" ".join(row.document.split()[: 1 + number % 4]),))
    for number, row in enumerate(toy_rows(80, length=8))
]
WATCHED = [row._replace(references=tuple(row.document.split())) for row in SHOWN[:24]]
TOY = RLSettings(
    updates=16,
    prompts=8,
    samples=8,
    length=8,
    learning_rate=5e-3,
    warmup=2,
    kl_weight=0.0,
    source_bounds=(48,),
)


def words(prompts, completions, references, rows=None):
    """A reward that anyone can hack."""
    return [len(text.split()) / 8 for text in completions]


@pytest.fixture(scope="module")
def learn(tokenizer):
    """A function that runs GRPO under a guard; it returns records and warnings."""
    policy = toy_policy(tokenizer)
    shown = dataclasses.replace(TOY, updates=25)
    ContinuedSupervised(policy, shown).fit(SHOWN)
    start, generator = weights_of(policy), Generator(policy, rows=24, length=8)
    recipe = GRPO(policy, words, TOY)  # compiled once, for both rewards
    # No limit of the KL: a model that knows little has far to go. No recall: a text of
    # many words has them all.
    metrics = ("rouge1", "chrf")
    settings = GuardSettings(on="stop", every=4, kl=0, metrics=metrics)

    def run(reward):
        assign(policy.variables, start)
        recipe.trainer.reward = reward
        told = []
        guard = Watch(WATCHED, generator, reward, settings, tell=told.append)
        return recipe.fit(SHOWN, guard=guard), told

    return run


def test_a_reward_for_words_is_hacked_and_found_out(learn):
    records, (verdict,) = learn(words)
    assert len(records) == verdict.update < TOY.updates
    assert records[-1]["guard/reward"] > 1.5 * records[0]["guard/reward"]
    assert "length_ratio" in {reason.name for reason in verdict.reasons}


def test_an_honest_reward_is_not_suspected(learn):
    records, told = learn(toy_reward)
    assert len(records) == TOY.updates and not told
    assert records[-1]["guard/reward"] > 1.2 * records[0]["guard/reward"]


def test_validation_rows_are_preferred(tmp_path, policy):
    train = write_toy_rows(tmp_path / "train.jsonl", 9)
    valid = write_toy_rows(tmp_path / "valid.jsonl", 6, seed=1)
    data = DataSettings(source="files", train=train)
    assert validation_rows(data) == []
    data = dataclasses.replace(data, valid=valid)
    assert len(validation_rows(data)) == 6
    lines = []
    settings = ImproveSettings(data=data, guard=GuardSettings(rows=3))
    watch = make_watch(settings, policy, [], make_reward(), report=lines.append)
    expected = toy_rows(6, seed=1)[::2]
    assert [row.document for row in watch.rows] == [row.document for row in expected]
    assert lines == ["the guard looks at 3 validation rows every 10 updates"]
    nothing = {"warnings": [], "ended": 0, "weights_of": None, "best": None}
    assert guard_card(watch) == nothing
    broken = dataclasses.replace(data, valid=str(tmp_path / "absent.jsonl"))
    with pytest.raises(DataError, match="absent"):
        validation_rows(broken)
    copy = DataSettings("cnn_dailymail", path=train)
    assert validation_rows(copy) == []


def test_a_guard_that_is_off_is_none(policy):
    off = ImproveSettings(guard=GuardSettings(on="off"))
    assert make_watch(off, policy, [Row("1", "a")], make_reward()) is None


def test_an_unknown_metric_is_told_before_anything_slow(tmp_path):
    settings = run_of(tmp_path, "warn")
    guard = GuardSettings(metrics=("rouge7",))
    with pytest.raises(ConfigError, match="'rouge7'"):
        improve(dataclasses.replace(settings, guard=guard))
    assert not Path(settings.out).exists()
