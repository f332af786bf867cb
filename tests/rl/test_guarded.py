"""A loop whose texts get longer by a word with each update, watched every two."""

import json

import numpy as np
import pytest

from nutgraf.models.checkpoint import load_policy
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.watch import Watch
from nutgraf.testing.toys import toy_policy, weights_of
from nutgraf.training.log import read_metrics
from nutgraf.training.run_state import latest_checkpoint
from tests.rl.test_loop import AddOne, Callback, Killed

SETTINGS = RLSettings(
    updates=9, prompts=4, samples=2, length=6, checkpoint_every=3, source_bounds=(32,)
)


def words(prompts, completions, references, rows=None):
    return [float(len(text.split())) for text in completions]


@pytest.fixture(scope="module")
def start(tokenizer):
    return weights_of(toy_policy(tokenizer))


@pytest.fixture
def watch_of(start, rows):
    def longer(rows, weights):
        """Four words, as the references, and one more for each update."""
        done = round(float(np.mean(np.asarray(weights[0]) - start[0])))
        return [" ".join(f"w{number}" for number in range(4 + done))] * len(rows)

    def watch(on="warn", tell=None, of=rows[:8], reward=words, **options):
        settings = GuardSettings(on=on, every=2, fall=0, **options)
        return Watch(of, longer, reward, settings, tell=tell or (lambda verdict: None))

    return watch


@pytest.fixture
def loop_of(tokenizer):
    return lambda folder=None: AddOne(toy_policy(tokenizer), SETTINGS, folder)


def grown(loop, start):
    """By how much the weights of the loop's policy have grown."""
    change = {
        round(float(np.mean(new - old)), 3)
        for new, old in zip(weights_of(loop.policy), start, strict=True)
    }
    (number,) = change
    return number


def best_of(folder, start):
    """The update whose weights are in the model folder `best`."""
    kept = weights_of(load_policy(folder / "best"))
    return round(float(np.mean(kept[0] - start[0])), 3)


def texts_alone(records):
    """The records without what takes another time each time."""
    return [{k: v for k, v in r.items() if k != "time/guard"} for r in records]


def test_a_guard_that_warns_changes_nothing(watch_of, loop_of, start, rows):
    told = []
    loop, alone = loop_of(), loop_of()
    records = loop.fit(rows, guard=watch_of(tell=told.append))
    alone.fit(rows)
    assert grown(loop, start) == grown(alone, start) == 9
    assert loop.seen[-1][0] == alone.seen[-1][0]
    looks = [n for n, record in enumerate(records, 1) if "guard/reward" in record]
    assert looks == [1, 2, 4, 6, 8, 9]  # 1 has the start; 9 is the last
    ratios = [records[n - 1]["guard/length_ratio"] for n in looks]
    assert ratios == [1.0, 1.5, 2.0, 2.5, 3.0, 3.25]
    # running averages 1.25, 1.625, 2.06: above 1.5 for the second time at update 6
    assert [one.update for one in told] == [6]
    assert [records[n - 1]["guard/broken"] for n in looks] == [0, 0, 0, 1, 1, 1]


def test_the_texts_of_each_look_are_kept(watch_of, loop_of, rows):
    kept, guard = [], watch_of()
    guard.keep = lambda rows, texts, update: kept.append((update, texts[0]))
    loop_of().fit(rows, guard=guard)
    assert [update for update, _ in kept] == [0, 2, 4, 6, 8, 9]
    assert [len(text.split()) for _, text in kept] == [4, 6, 8, 10, 12, 13]


def test_the_best_safe_look_is_kept(watch_of, loop_of, start, rows, tmp_path):
    """The start is the first; after update 2 the texts are too long."""
    kept = []

    def note(step, record):
        kept.append(best_of(tmp_path, start))

    loop_of(tmp_path).fit(rows, watch=note, guard=watch_of())
    assert kept == [0, 2, 2, 2, 2, 2, 2, 2, 2]


def test_without_a_guard_or_a_reward_none_is_the_best(
    watch_of, loop_of, rows, tmp_path
):
    loop_of(tmp_path / "a").fit(rows)
    loop_of(tmp_path / "b").fit(rows, guard=watch_of(reward=None))
    loop_of().fit(rows, guard=watch_of())  # nothing is kept on disk
    assert not list(tmp_path.glob("*/best"))
    assert len(list(tmp_path.glob("*/last"))) == 2


def test_stop_ends_the_run_and_warn_goes_on(watch_of, loop_of, start, rows, tmp_path):
    loop = loop_of(tmp_path)
    assert len(loop.fit(rows, guard=watch_of("stop"))) == 6
    assert latest_checkpoint(tmp_path / "checkpoints").name == "step-00000006"
    again = watch_of("stop")
    assert loop_of(tmp_path).fit(rows, guard=again) == []
    assert again.memory["ended"] == 6
    loop = loop_of(tmp_path)
    assert len(loop.fit(rows, guard=watch_of("warn"))) == 3
    assert grown(loop, start) == 9


@pytest.mark.parametrize("kept", [True, False])
def test_return_ends_with_the_best_safe_weights(
    watch_of, loop_of, start, rows, tmp_path, kept
):
    watch, loop = watch_of("return"), loop_of(tmp_path if kept else None)
    assert len(loop.fit(rows, guard=watch)) == 6
    # at update 2 the length is at its limit, at 4 and 6 above it
    assert watch.memory["safe"] == 2 and watch.memory["best"] == 6.0
    assert watch.memory["returned"] == grown(loop, start) == 2
    if kept:
        last = load_policy(tmp_path / "last")
        for one, two in zip(weights_of(last), weights_of(loop.policy), strict=True):
            np.testing.assert_array_equal(one, two)
        again = loop_of(tmp_path)
        assert again.fit(rows, guard=watch_of("return")) == []
        assert grown(again, start) == 2


def test_return_goes_to_the_start_when_no_look_was_safe(
    watch_of, loop_of, start, rows, tmp_path
):
    watch, loop = watch_of("return", length_high=1.2), loop_of(tmp_path)
    loop.fit(rows, guard=watch)
    assert (watch.memory["returned"], grown(loop, start)) == (0, 0)
    assert best_of(tmp_path, start) == watch.memory["safe"] == 0


def test_return_goes_to_the_start_when_nothing_was_kept(
    watch_of, loop_of, start, rows, tmp_path
):
    """A run that only warned keeps no weights; later it is to return."""
    with pytest.raises(Killed):
        loop_of(tmp_path).fit(rows, [Callback(4)], guard=watch_of("warn"))
    watch, loop = watch_of("return"), loop_of(tmp_path)
    loop.fit(rows, guard=watch)
    assert watch.memory["best"] == 6.0  # of update 2, whose state is gone
    assert (watch.memory["returned"], grown(loop, start)) == (0, 0)
    assert best_of(tmp_path, start) == watch.memory["safe"] == 2


@pytest.mark.parametrize("kill_at", [1, 2, 4, 5])
def test_resumed_equals_uninterrupted(
    watch_of, loop_of, start, rows, tmp_path, kill_at
):
    """Killed before and after looks, the guard remembers the same and acts the same."""
    whole, watch = loop_of(tmp_path / "a"), watch_of("return")
    whole.fit(rows, guard=watch)
    with pytest.raises(Killed):
        loop_of(tmp_path / "b").fit(rows, [Callback(kill_at)], guard=watch_of("return"))
    loop, resumed = loop_of(tmp_path / "b"), watch_of("return")
    loop.fit(rows, guard=resumed)
    assert resumed.memory == watch.memory
    assert grown(loop, start) == grown(whole, start) == 2
    assert best_of(tmp_path / "b", start) == 2
    logs = [texts_alone(read_metrics(tmp_path / name)) for name in "ab"]
    assert logs[0] == logs[1]
    states = [
        json.loads(
            (tmp_path / name / "checkpoints/step-00000006/state.json").read_text()
        )
        for name in "ab"
    ]
    assert states[0] == states[1]


def test_other_rows_are_measured_from_the_start(watch_of, loop_of, rows, tmp_path):
    loop_of(tmp_path).fit(rows, guard=watch_of(), stop_after=0.0)
    watch = watch_of(of=rows[8:16])
    records = loop_of(tmp_path).fit(rows, guard=watch)
    assert records[0]["guard/length_ratio"] == 1.0
    assert watch.memory["start"]["length_ratio"] == 1.0


def test_a_loop_without_a_reward_is_watched_and_not_judged(watch_of, loop_of, rows):
    watch = watch_of("stop", reward=None)
    records = loop_of().fit(rows, guard=watch)
    assert len(records) == 9
    assert records[-1]["guard/length_ratio"] == 3.25
    assert not watch.memory["told"]
