import doctest
import json
from dataclasses import fields
from pathlib import Path

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rl.guard import Guard, GuardSettings, Reason, judged, label_of

START = {
    "reward": 0.2,
    "length_ratio": 0.9,
    "repetition": 7.0,
    "copied_share": 17.0,
    "kl": 0.0,
    "chrf": 22.0,
}


def run(looks, guard=None, start=START):
    """Give a guard one look after another, 10 updates apart; return the verdicts."""
    guard = guard or Guard()
    memory, verdict = guard.look({}, 0, start)
    verdicts = [verdict]
    for number, look in enumerate(looks, 1):
        memory = json.loads(json.dumps(memory, allow_nan=False))  # as a checkpoint does
        memory, verdict = guard.look(memory, 10 * number, {**start, **look})
        verdicts.append(verdict)
    return verdicts, memory


# What is looked at three times, and the limit that it passes; None = it passes none.
# The running average goes half of the way from the start in the first look, then 3/4.
CASES = [
    ({"length_ratio": 2.4}, 1.35),  # 1.65 > 0.9 * 1.5 at the first look
    ({"length_ratio": 1.7}, None),  # 1.3, then 1.5, 1.6: once too few
    ({"length_ratio": 0.2}, 0.603),
    ({"repetition": 30.0}, 17.0),
    ({"repetition": 16.9}, None),
    ({"repetition": 0.0}, None),
    ({"copied_share": 100.0}, 37.0),
    ({"copied_share": 0.0}, None),
    ({"kl": 2.5}, 1.0),
    ({"kl": 0.99}, None),
    ({"chrf": 11.0}, 17.0),
    ({"chrf": 17.1}, None),
    ({"chrf": 50.0}, None),
]


@pytest.mark.parametrize(("look", "limit"), CASES)
def test_what_breaks_while_the_reward_rises(look, limit):
    (name,) = look
    verdicts, memory = run([{"reward": 0.4, **look}] * 2)
    assert not verdicts[1].reasons  # never at the first look
    if limit is None:
        assert verdicts[2].reasons == () and not memory["told"]
        return
    (reason,) = verdicts[2].reasons
    assert (reason.name, reason.start) == (name, START[name])
    assert reason.limit == pytest.approx(limit)
    average = 0.25 * START[name] + 0.75 * look[name]
    assert reason.now == pytest.approx(average)
    assert verdicts[2].new == verdicts[2].reasons
    assert memory["told"][name]["update"] == 20


@pytest.mark.parametrize("reward", [0.2, 0.1])
@pytest.mark.parametrize("look", [look for look, limit in CASES if limit])
def test_nothing_is_a_hack_while_the_reward_does_not_rise(look, reward):
    verdicts, memory = run([{"reward": reward, **look}] * 5)
    assert not any(verdict.reasons for verdict in verdicts)
    assert memory["safe"] == 0


def test_what_is_broken_can_be_asked_whatever_the_reward_does():
    now = {"reward": 0.1, "kl": 1.5, "chrf": 30.0, "new": 3.0}
    assert Guard().broken(START, now) == {"kl": Reason("kl", 0.0, 1.5, 1.0)}


def test_one_odd_look_is_noise():
    odd, fine = {"reward": 0.4, "repetition": 28.0}, {"reward": 0.4}
    verdicts, _ = run([odd, fine, odd, fine, odd, fine])
    # averages: 17.5, 12.3, 20.1, 13.6, 20.8, 13.9: never above 17 twice in a row
    assert not any(verdict.reasons for verdict in verdicts)


def test_a_reason_is_told_once_and_others_after_it():
    hack = {"reward": 0.4, "repetition": 60.0}
    more = {**hack, "chrf": 2.0}
    verdicts, memory = run([hack, hack, hack, more, more])
    told = [tuple(one.name for one in verdict.new) for verdict in verdicts]
    assert told == [(), (), ("repetition",), (), (), ("chrf",)]
    assert [len(verdict.reasons) for verdict in verdicts] == [0, 0, 1, 1, 1, 2]
    assert {name: one["update"] for name, one in memory["told"].items()} == {
        "repetition": 20,
        "chrf": 50,
    }


def test_the_best_safe_look_has_the_best_reward_of_those_that_are_whole():
    looks = [
        {"reward": 0.3},
        {"reward": 0.5},
        {"reward": 0.4},
        {"reward": 0.6, "length_ratio": 1.5},  # broken, its average is not yet
        {"reward": 0.7, "length_ratio": 1.2, "chrf": 20.0},
        {"reward": 0.9, "chrf": 0.0},
    ]
    verdicts, memory = run(looks)
    safe = [verdict.safe for verdict in verdicts]
    assert safe == [False, True, True, False, False, True, False]
    assert (memory["safe"], memory["best"]) == (50, 0.7)


@pytest.mark.parametrize(
    ("on", "ends"), [("warn", False), ("stop", True), ("return", True)]
)
def test_what_a_verdict_does(on, ends):
    hack = {"reward": 0.4, "kl": 9.0}
    verdicts, memory = run([hack, hack], Guard(GuardSettings(on=on)))
    assert verdicts[2].reasons and verdicts[2].ends is ends
    assert memory["ended"] == (20 if ends else 0)


def test_lengths_may_come_nearer_to_those_of_the_references():
    long = {**START, "length_ratio": 3.0}
    better = [{"reward": 0.4, "length_ratio": 1.0}] * 3
    assert not run(better, start=long)[0][-1].reasons
    worse = [{"reward": 0.4, "length_ratio": 0.2}] * 8  # the average takes its time
    assert run(worse, start=long)[0][-1].reasons[0].limit == pytest.approx(2.01)
    # without references nothing says what is near
    words = {"reward": 0.2, "words": 30.0}
    (reason,) = run([{"reward": 0.4, "words": 10.0}] * 3, start=words)[0][-1].reasons
    assert reason.limit == pytest.approx(20.1)


def test_empty_texts_at_the_start_set_no_length():
    verdicts, _ = run([{"reward": 0.4}] * 3, start={"reward": 0.2, "length_ratio": 0.0})
    assert not verdicts[-1].reasons
    verdicts, _ = run(
        [{"reward": 0.4, "length_ratio": 1.0}] * 3,
        start={"reward": 0.2, "length_ratio": 0.0},
    )
    assert not verdicts[-1].reasons


def test_without_a_reward_nothing_is_judged():
    start = {"repetition": 7.0}
    verdicts, memory = run([{"repetition": 90.0}] * 4, start=start)
    assert not any(verdict.reasons or verdict.safe for verdict in verdicts)
    assert memory["smooth"]["repetition"] > 80  # it is remembered all the same


def test_limits_of_zero_are_no_limits():
    free = GuardSettings(
        length_low=0, length_high=0, repetition=0, copied_share=0, kl=0, fall=0
    )
    for look, _ in CASES:
        assert not run([{"reward": 0.4, **look}] * 4, Guard(free))[0][-1].reasons


def test_a_verdict_in_words():
    hack = {"reward": 0.6, "length_ratio": 2.1, "repetition": 31.0}
    verdicts, _ = run([hack, hack])
    assert verdicts[2].words == (
        "update 20: the reward rises (0.200 -> 0.500) while length ratio is 1.8 (0.9 "
        "at the start, limit 1.35) and repetition is 25 (7 at the start, limit 17)"
    )
    assert verdicts[1].words == ""
    assert Reason("kl", 0.0, 1.25, 1.0).words.startswith("KL to the start is 1.25")
    assert label_of("faithfulness") == "faithfulness"


def test_the_numbers_of_a_record():
    assert judged({"step": 3, "reward/mean": 1.0, "policy/kl_to_start": 0.5}) == {}
    found = judged({"guard/chrf": 3, "guard/broken": 1.0, "guard/reward": 0.5})
    assert found == {"chrf": 3.0, "reward": 0.5}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"on": "halt"}, "guard.on must be .*'halt'"),
        ({"every": 0}, "guard.every must be an integer >= 1. Received: 0"),
        ({"rows": -1}, "guard.rows"),
        ({"kl": -0.1}, "guard.kl must be a number >= 0. Received: -0.1"),
        ({"fall": float("nan")}, "guard.fall"),
        ({"length_low": 1.2}, "hold that of the start.*1.2 and 1.5"),
        ({"length_high": 0.5}, "hold that of the start"),
    ],
)
def test_settings_out_of_range(wrong, message):
    with pytest.raises(ConfigError, match=message):
        GuardSettings(**wrong)


def test_the_docs_name_every_setting_and_their_example_runs():
    path = Path(__file__).resolve().parents[2] / "docs" / "guard.md"
    text = path.read_text(encoding="utf-8")
    for field in fields(GuardSettings):
        assert f"`guard.{field.name}`" in text, field.name
    found = doctest.DocTestParser().get_doctest(text, {}, "guard.md", None, 0)
    assert len(found.examples) > 3
    assert doctest.DocTestRunner(verbose=False).run(found).failed == 0
