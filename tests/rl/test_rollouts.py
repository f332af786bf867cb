import dataclasses

import numpy as np
import pytest

from nutgraf.errors import RunError
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.rl.rollouts import refill, rewarded, tells_apart, texts_of
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of


def first_word(prompts, completions, references, rows=None):
    """1 for a text that begins with the document's first word, None for empty texts."""
    return [
        float(text.split()[0] == prompt.split()[0]) if text else None
        for prompt, text in zip(prompts, completions, strict=True)
    ]


def test_each_sample_is_judged_with_its_own_row(policy, rows):
    batch = policy.codec.batch(rows[:3])
    rollout = Sampler(policy, 2, 6)(weights_of(policy), batch)
    texts = [rows[0].document, "", "x", rows[1].document, rows[2].document, "y"]
    found, _ = rewarded(rollout, texts, rows[:3], first_word)
    assert found.rewards.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert found.valid.tolist() == [[True, False], [True, True], [True, True]]
    assert len(texts_of(policy, rollout)) == 6


def test_the_random_control_is_drawn_anew_at_each_update(policy, rows):
    batch = policy.codec.batch(rows[:3])
    reward = WeightedSum({"random": (RandomReward(0), 1.0)})
    found = [
        rewarded(
            Sampler(policy, 2, 6)(weights_of(policy), batch, update=update),
            ["same"] * 6,
            rows[:3],
            reward,
        )[0].rewards
        for update in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).all()
    assert len(np.unique(found[0])) == 6


def judged(policy, rows, rewards, length):
    batch = policy.codec.batch(rows, length)
    rollout = Sampler(policy, 2, 6)(weights_of(policy), batch)
    return dataclasses.replace(
        rollout,
        rewards=np.float32(rewards),
        valid=np.ones((len(rows), 2), bool),
        components={"part": np.float32(rewards) * 10},
    )


def test_groups_that_teach_nothing_are_replaced_by_those_that_do(policy, rows):
    short = judged(policy, rows[:3], [[1, 1], [0, 1], [2, 2]], 32)
    more = judged(policy, rows[3:6], [[3, 3], [4, 5], [6, 6]], 48)
    assert tells_apart(short).tolist() == [False, True, False]
    found = refill(short, more)
    assert found.rewards.tolist() == [[4, 5], [0, 1], [2, 2]]
    assert found.components["part"].tolist() == [[40, 50], [0, 10], [20, 20]]
    np.testing.assert_array_equal(found.actions[0], more.actions[1])
    np.testing.assert_array_equal(found.batch.source_ids[0], more.batch.source_ids[1])
    assert found.batch.source_ids.shape == found.batch.source_mask.shape == (3, 48)
    assert not found.batch.source_mask[1, 32:].any()


def test_an_invalid_sample_tells_nothing_apart(policy, rows):
    rollout = judged(policy, rows[:1], [[1, 2]], 32)
    half = dataclasses.replace(rollout, valid=np.array([[True, False]]))
    assert tells_apart(half).tolist() == [False]


def test_samples_on_which_the_reward_raises_stop_the_run_or_are_left_out(policy, rows):
    def picky(prompts, completions, references, rows=None):
        return [1 / len(text) for text in completions]

    rollout = Sampler(policy, 2, 6)(weights_of(policy), policy.codec.batch(rows[:1]))
    with pytest.raises(RunError, match="row0"):
        rewarded(rollout, ["", "ab"], rows[:1], picky)
    found, failed = rewarded(rollout, ["", "ab"], rows[:1], picky, "skip")
    assert failed == 1
    assert found.valid.tolist() == [[False, True]]
    assert found.rewards.tolist() == [[0, 0.5]]
