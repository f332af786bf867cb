import dataclasses

import numpy as np
import pytest

from nutgraf.arrays import Processors
from nutgraf.rl.experience import experience_of, split
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of


@pytest.fixture
def rollout(policy, rows):
    batch = policy.codec.batch(rows[:4])
    sampler = Sampler(policy, 3, 6, Processors(top_k=5), greedy=[True, False, False])
    found = sampler(weights_of(policy), batch)
    rewards = np.arange(12, dtype="float32").reshape(4, 3)
    return dataclasses.replace(found, rewards=rewards, valid=np.ones((4, 3), bool))


def test_the_greedy_text_is_the_baseline_and_not_learned_from(rollout):
    given, greedy = experience_of(rollout, 1)
    assert greedy.tolist() == [0, 3, 6, 9]
    np.testing.assert_array_equal(given.actions, rollout.actions[:, 1:])
    np.testing.assert_array_equal(given.old_log_probs, rollout.log_probs[:, 1:])
    np.testing.assert_array_equal(given.support, rollout.support[:, 1:])
    assert experience_of(rollout)[1] is None


def test_parts_are_the_whole_in_order(rollout):
    given, _ = experience_of(rollout)
    parts = split(given, 2)
    assert [part.actions.shape for part in parts] == [(2, 3, 6)] * 2
    np.testing.assert_array_equal(parts[1].batch.row_ids, given.batch.row_ids[2:])
    np.testing.assert_array_equal(parts[1].support, given.support[2:])
    assert parts[0].values is None and parts[0].importance is None
