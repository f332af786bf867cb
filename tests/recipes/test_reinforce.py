import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.recipes.reinforce import Reinforce
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward
from tests.rl.test_actor_critic import signals


def test_the_baseline_is_the_mean_of_earlier_rewards(policy):
    algorithm = Reinforce(policy, toy_reward, RLSettings(length=8)).trainer.algorithm
    first = algorithm.estimate(signals(memory=algorithm.memory))
    assert to_numpy(first.advantages).tolist() == [[0, 0]]  # nothing to compare with
    assert first.memory["baseline"] == pytest.approx(1.5)
    second = algorithm.estimate(signals(memory=first.memory))
    assert to_numpy(second.advantages).tolist() == [[-0.5, 0.5]]


def test_the_learned_baseline_is_what_the_critic_expects(policy):
    recipe = Reinforce(policy, toy_reward, RLSettings(length=8), baseline="learned")
    values = np.full((1, 2, 3), 0.5, "float32")
    found = recipe.trainer.algorithm.estimate(signals(values))
    np.testing.assert_allclose(
        to_numpy(found.advantages), [[[0.5] * 3, [1.5, 0, 0]]], atol=1e-6
    )


def test_works_with_one_sample_per_prompt(policy, rows):
    settings = RLSettings(updates=2, prompts=4, samples=1, length=4)
    assert len(Reinforce(policy, toy_reward, settings).fit(rows)) == 2


def test_other_baselines_are_refused(policy):
    with pytest.raises(
        ConfigError, match="one of running, learned. Received: .*'mean'"
    ):
        Reinforce(policy, toy_reward, RLSettings(length=8), baseline="mean")


@pytest.mark.parametrize(
    "idle",
    [
        {"baseline": "learned", "decay": 0.5},
        {"baseline": "running", "critic_weight": 0.5},
    ],
)
def test_what_the_baseline_does_not_read_is_refused(policy, idle):
    with pytest.raises(ConfigError, match=f"a {idle['baseline']} baseline does not"):
        Reinforce(policy, toy_reward, RLSettings(length=8), **idle)
