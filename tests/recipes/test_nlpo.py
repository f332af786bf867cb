import dataclasses

import numpy as np
import pytest

from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.layers.processors import unpack_support
from nutgraf.recipes.nlpo import NLPO
from nutgraf.rl.experience import experience_of
from nutgraf.rl.learner import scorer
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_reward, weights_of

SETTINGS = RLSettings(updates=1, prompts=4, samples=2, length=4)


@pytest.fixture
def masked(policy, rows):
    """A rollout of moved weights, masked by the top-p set of the first ones."""
    lagged = weights_of(policy)
    moved = [weight * 1.3 for weight in lagged]
    chosen = Processors(top_p=0.5)
    sampler = Sampler(policy, 3, 5, chosen, masked=True)
    batch = policy.codec.batch(rows[:4])
    rollout = sampler(moved, batch, lagged=lagged)
    rewards = np.zeros((4, 3), "float32")
    return dataclasses.replace(rollout, rewards=rewards), lagged, moved


def test_the_mask_is_the_lagged_copys_and_the_first_ratio_is_one(policy, masked):
    rollout, lagged, moved = masked
    given, _ = experience_of(rollout)
    score = scorer(policy, rollout.processors)
    again = to_numpy(score(moved, given))
    np.testing.assert_allclose(
        again[rollout.mask], rollout.log_probs[rollout.mask], atol=1e-4
    )
    # all that the copy finds likely may be drawn, and nothing else
    kept = to_numpy(unpack_support(rollout.support, policy.vocabulary_size))
    copy = Sampler(policy, 3, 5, rollout.processors)(lagged, rollout.batch)
    own = to_numpy(unpack_support(copy.support, policy.vocabulary_size))
    np.testing.assert_array_equal(kept[:, :, 0], own[:, :, 0])
    drawn = np.take_along_axis(kept, rollout.actions[..., None], -1)[..., 0]
    assert drawn[rollout.mask].all()


def test_the_masked_probability_sums_to_one(policy, masked):
    rollout, _, moved = masked
    free = scorer(policy, Processors())
    given, _ = experience_of(dataclasses.replace(rollout, support=None))
    plain = to_numpy(free(moved, given))[rollout.mask]
    more = rollout.log_probs[rollout.mask] - plain
    assert (more > 0).all() and more.mean() > 0.2  # about half is left


def test_filters_of_ones_own_are_refused(policy):
    with pytest.raises(ConfigError, match="top_p=0.9"):
        NLPO(policy, toy_reward, dataclasses.replace(SETTINGS, top_p=0.9))
    with pytest.raises(ConfigError, match="mask_top_p must be a number in"):
        NLPO(policy, toy_reward, SETTINGS, mask_top_p=1.0)


def test_a_mask_needs_a_set(policy):
    with pytest.raises(ConfigError, match="top_k=0 and top_p=1, which keep all"):
        Sampler(policy, 2, 4, masked=True)
