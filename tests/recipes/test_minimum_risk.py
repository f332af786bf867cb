import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.minimum_risk import MinimumRisk
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward
from tests.rl.test_actor_critic import signals


@pytest.fixture
def algorithm(policy):
    return MinimumRisk(policy, toy_reward, RLSettings(length=8)).trainer.algorithm


def test_copies_of_a_text_count_once(algorithm):
    actions = np.array([[[5, 6, 2], [5, 7, 7]]])  # one action each is masked alike
    found = algorithm.estimate(signals(actions=actions))
    assert found.keep.tolist() == [[True, True]]
    actions[0, 1] = 5, 6, 2
    mask = np.ones((1, 2, 3), bool)
    found = algorithm.estimate(signals(actions=actions, mask=mask))
    assert found.keep.tolist() == [[True, False]]
    invalid = np.array([[False, True]])
    found = algorithm.estimate(signals(actions=actions, mask=mask, valid=invalid))
    assert found.keep.tolist() == [[True, True]]  # the first copy is not there


def test_the_sharpness_is_checked_at_once(policy):
    with pytest.raises(ConfigError, match="sharpness must be a number > 0"):
        MinimumRisk(policy, toy_reward, RLSettings(length=8), sharpness=0.0)
