import dataclasses

import numpy as np
import pytest

from nutgraf.rl.experience import experience_of
from nutgraf.rl.numbers import averages, critic_numbers, rollout_numbers
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of


@pytest.fixture
def rollout(policy, rows):
    found = Sampler(policy, 2, 6)(weights_of(policy), policy.codec.batch(rows[:2]))
    return dataclasses.replace(
        found,
        rewards=np.float32([[1, 3], [5, 0]]),
        valid=np.array([[True, True], [True, False]]),
        components={"length": np.float32([[2, 4], [6, 0]])},
    )


def test_sums_and_counts_add_up_before_they_are_divided():
    parts = [{"a": (1.0, 1.0), "b": (0.0, 0.0)}, {"a": (2.0, 5.0), "b": (0.0, 0.0)}]
    assert averages(parts) == {"a": 0.5, "b": 0.0}


def test_only_valid_samples_are_counted(rollout):
    found = rollout_numbers(rollout)
    assert found["reward/mean"] == pytest.approx(3)
    assert found["reward/spread"] == pytest.approx((1 + 0) / 2)
    assert found["reward/length"] == pytest.approx(4)
    assert found["sample/valid"] == pytest.approx(0.75)


def test_nobody_valid_gives_zeros_and_no_warning(rollout, recwarn):
    nobody = dataclasses.replace(rollout, valid=np.zeros((2, 2), bool))
    found = rollout_numbers(nobody)
    assert found["reward/mean"] == found["reward/spread"] == found["reward/length"] == 0
    assert not recwarn.list


def test_greedy_texts_are_told_apart(rollout):
    found = rollout_numbers(rollout, first=1)
    assert found["reward/greedy"] == pytest.approx(3)
    assert found["reward/mean"] == pytest.approx(3)  # the only valid one
    valid = np.array([[False, True], [True, True]])
    found = rollout_numbers(dataclasses.replace(rollout, valid=valid), first=1)
    assert found["reward/greedy"] == pytest.approx(5)  # the other has no reward


def test_a_critic_that_knows_all_explains_all(rollout):
    given, _ = experience_of(rollout)
    assert critic_numbers(given) == {}
    returns = np.random.default_rng(0).normal(size=given.mask.shape).astype("float32")
    known = given._replace(values=returns, returns=returns)
    assert critic_numbers(known)["critic/explained_variance"] == pytest.approx(1)
