"""The control arm's noise: repeats for a resumed run, tells nothing about texts."""

import pickle
import subprocess
import sys

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.rewards.random import RandomReward


def draw(reward, texts, ids):
    rows = [Row(name, "document") for name in ids]
    return reward([""] * len(texts), texts, [[]] * len(texts), rows)


def test_uniform():
    values = np.array(draw(RandomReward(3), ["t"] * 20_000, ["r"] * 20_000))
    assert values.min() >= 0 and values.max() < 1
    share = np.histogram(values, bins=10, range=(0, 1))[0] / len(values)
    assert np.abs(share - 0.1).max() < 0.01
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03


def test_texts_are_never_read():
    ids = ["a", "a", "b"]
    good = draw(RandomReward(0), ["fine text", "another", "third"], ids)
    assert good == draw(RandomReward(0), ["", "", ""], ids)


def test_the_same_text_gets_other_numbers_in_each_sample_and_update():
    seen = set()
    for update in range(50):
        seen.update(draw(RandomReward(0).at_update(update), ["same"] * 4, ["a"] * 4))
    assert len(seen) == 200


def test_seed_update_row_and_sample_each_matter():
    first = RandomReward(0).at_update(1)
    base = draw(first, ["t"] * 2, ["a"] * 2)
    assert base[0] != base[1]
    assert draw(first, ["t"], ["b"])[0] not in base
    assert draw(first.at_update(11), ["t"] * 2, ["a"] * 2) != base
    assert draw(RandomReward(1, 1), ["t"] * 2, ["a"] * 2) != base
    # (1, 11) and (11, 1) are different places
    assert draw(RandomReward(1, 11), ["t"], ["a"]) != draw(
        RandomReward(11, 1), ["t"], ["a"]
    )


def test_batching_and_order_of_rows_change_nothing():
    reward = RandomReward(5).at_update(9)
    whole = draw(reward, ["t"] * 4, ["a", "a", "b", "b"])
    assert whole[:2] == draw(reward, ["t"] * 2, ["a", "a"])
    assert whole[2:] == draw(reward, ["t"] * 2, ["b", "b"])
    mixed = draw(reward, ["t"] * 4, ["b", "a", "b", "a"])
    assert [mixed[1], mixed[3], mixed[0], mixed[2]] == whole


def test_prompts_stand_in_for_rows():
    found = RandomReward(0)(["p", "q", "p"], ["t"] * 3, [[]] * 3)
    assert len(set(found)) == 3
    assert RandomReward(0)(["q"], ["t"], [[]]) == found[1:2]


def test_another_process_draws_the_same():
    program = (
        "from nutgraf.rewards.random import RandomReward\n"
        "print(RandomReward(1, 2)(['p'], ['t'], [[]]))"
    )
    run = [sys.executable, "-c", program]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(RandomReward(1, 2)(["p"], ["t"], [[]]))


def test_pickles():
    reward = RandomReward(4, 5)
    assert pickle.loads(pickle.dumps(reward)) == reward
