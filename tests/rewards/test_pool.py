"""The pool gives what the reward gives, in order, and is gone when it is closed."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.adjusted import Normalized
from nutgraf.rewards.annealed import Annealed
from nutgraf.rewards.base import RewardFailed, judge, score_completions
from nutgraf.rewards.function import function_reward
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.pool import PooledReward
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.weighted import WeightedSum

SOURCE = """
import os, sys, time

def score(completions):
    # The first texts are the slowest.
    time.sleep(0.02 if "w0" in completions else 0.0)
    return [1 / len(text) for text in completions]

def modules(completions):
    heavy = {"tensorflow", "jax", "torch", "keras"}
    return [float(len(heavy & set(sys.modules))) for _ in completions]

def process(completions):
    return [float(os.getpid()) for _ in completions]

def die(completions):
    os._exit(3)
"""
BAND = LengthBandPenalty(1, 2)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pool") / "my_reward.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture(scope="module")
def pooled(file):
    with PooledReward(function_reward(f"{file}:score"), 2) as reward:
        yield reward


def given(*texts):
    return ["p"] * len(texts), list(texts), [[]] * len(texts)


def alive(process):
    """Whether a process runs; one that has ended may wait to be collected."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_values_come_in_the_order_of_the_texts(pooled, file):
    texts = [f"w{n}" * (1 + n % 3) for n in range(23)]
    expected = function_reward(f"{file}:score")(*given(*texts))
    assert score_completions(pooled, *given(*texts))[0] == expected
    assert pooled(*given()) == [] and pooled(*given("ab")) == [0.5]


def test_an_exception_comes_back_with_row_and_text(pooled):
    texts = ["a"] * 12 + [""] + ["b"] * 3
    with pytest.raises(RewardFailed) as caught:
        pooled(*given(*texts))
    message = str(caught.value)
    assert "the reward score must not raise. Received: ZeroDivisionError" in message
    assert "(my_reward.py:7) for sample 12, text ''" in message
    rows = [Row(f"r{n}", "", (), "news.jsonl") for n in range(16)]
    with pytest.raises(RewardFailed, match=r"for row 'r12' \(news.jsonl\), text ''"):
        pooled(*given(*texts), rows)
    assert pooled(*given("ab")) == [0.5]  # and the pool goes on


def test_a_failing_text_can_be_left_out(pooled):
    scores = judge(pooled, *given("a", "", "bb"), on_error="skip")
    assert scores.values == [1.0, None, 0.5] and list(scores.failures) == [1]


def test_a_process_loads_no_framework(file):
    with PooledReward(function_reward(f"{file}:modules"), 1) as reward:
        assert reward(*given("a")) == [0.0]


def test_processes_are_spawned_and_end(file):
    reward = PooledReward(function_reward(f"{file}:process"), 2)
    workers = {int(value) for value in reward(*given(*["a"] * 16))}
    assert os.getpid() not in workers and 1 <= len(workers) <= 2
    reward.close()
    assert not any(map(alive, workers))
    reward.close()
    assert set(reward(*given("a"))).isdisjoint(workers)  # a call starts new ones
    reward.close()


def test_ctrl_c_is_left_to_the_program(file):
    with PooledReward(function_reward(f"{file}:process"), 1) as reward:
        (worker,) = reward(*given("a"))
        os.kill(int(worker), signal.SIGINT)
        assert reward(*given("a")) == [worker]


def test_processes_do_not_outlive_a_killed_program(file, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, time\n"
        "from nutgraf.rewards.function import function_reward\n"
        "from nutgraf.rewards.pool import PooledReward\n"
        "if __name__ == '__main__':\n"
        f"    reward = PooledReward(function_reward({str(file)!r} + ':process'), 1)\n"
        "    print(int(reward(['p'], ['a'], [[]])[0]), flush=True)\n"
        "    time.sleep(60)\n"
    )
    running = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True
    )
    worker = int(running.stdout.readline())
    assert alive(worker)
    running.kill()
    running.wait()
    deadline = time.monotonic() + 10
    while alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    if alive(worker):
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the process goes on without its program")


def test_a_process_that_dies_is_told(file):
    with (
        PooledReward(function_reward(f"{file}:die"), 1) as reward,
        pytest.raises(
            RunError, match="reward die must not end early.*one ended before"
        ),
    ):
        reward(*given("a"))


def test_parts_and_updates_pass_through():
    inner = WeightedSum(
        {
            "band": (Annealed(BAND, 0.0, 1.0, 2), 1.0),
            "twice": (RepetitionPenalty(), 0.5),
        }
    )
    with PooledReward(inner, 1) as reward:
        for update in (0, 1, 2):
            here = score_completions(inner, *given("a b c", "a a"), update=update)
            there = score_completions(reward, *given("a b c", "a a"), update=update)
            assert here == there
        found = there[1]
    assert list(found) == ["band", "band/LengthBandPenalty", "twice"]


def test_it_pickles_without_its_processes(pooled):
    again = pickle.loads(pickle.dumps(pooled.at_update(3)))
    assert again.reward == pooled.reward
    with again:
        assert again(*given("ab")) == [0.5]


def test_the_pool_can_be_a_part(pooled):
    reward = WeightedSum({"mine": (pooled, 2.0)})
    assert score_completions(reward, *given("ab")) == (
        [1.0],
        {"mine": [0.5], "mine/score": [0.5]},
    )


def test_what_cannot_be_pooled_is_refused():
    with pytest.raises(ConfigError, match="processes=0"):
        PooledReward(BAND, 0)
    with pytest.raises(ConfigError, match="picklable.*Received: <lambda>"):
        PooledReward(lambda *given: [0.0], 1)
    for whole in (RandomReward(0), Normalized(BAND)):
        with pytest.raises(ConfigError, match="by itself. Received: .*Put the pool"):
            PooledReward(whole, 1)
