import dataclasses

import numpy as np
import pytest

from nutgraf.backend import jit, to_numpy
from nutgraf.rl.critic import Critic
from nutgraf.rl.experience import experience_of
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of


@pytest.fixture
def given(policy, rows):
    sampler = Sampler(policy, 2, 6)
    rollout = sampler(weights_of(policy), policy.codec.batch(rows[:3]))
    empty = np.zeros((3, 2), "float32")
    return experience_of(dataclasses.replace(rollout, rewards=empty))[0]


def read(critic, weights, policy, given):
    def values(weights, given):
        hidden = policy.hidden(policy.encode(given.batch), given.actions)
        return critic.values(weights, hidden, given)

    return to_numpy(jit(values)(weights, given))


def test_a_shared_critic_is_a_head_and_starts_at_zero(policy, given):
    critic = Critic(policy, "shared")
    assert list(critic.start) == ["critic_head/kernel", "critic_head/bias"]
    found = read(critic, list(critic.start.values()), policy, given)
    assert found.shape == (3, 2, 6) and (found == 0).all()


def test_a_separate_critic_reads_with_weights_of_its_own(policy, given):
    critic = Critic(policy, "separate")
    weights = list(critic.start.values())
    assert len(weights) == len(policy.variables) + 2
    weights[-2] = np.random.default_rng(0).normal(size=32).astype("float32")
    one = read(critic, weights, policy, given)
    other = [weight * 1.1 for weight in weights[:-2]] + weights[-2:]
    assert np.abs(one - read(critic, other, policy, given)).max() > 1e-3


def test_a_value_has_read_the_actions_before_it_only(policy, given):
    critic = Critic(policy, "shared")
    weights = list(critic.start.values())
    weights[0] = np.random.default_rng(0).normal(size=32).astype("float32")
    one = read(critic, weights, policy, given)
    actions = given.actions.copy()
    actions[:, :, 3] = 5
    two = read(critic, weights, policy, given._replace(actions=actions))
    np.testing.assert_allclose(one[..., :4], two[..., :4], atol=1e-5)
    assert np.abs(one[..., 4:] - two[..., 4:]).max() > 1e-3
