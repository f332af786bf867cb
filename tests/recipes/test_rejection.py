import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.rejection import Rejection
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward
from tests.rl.test_actor_critic import signals

SETTINGS = RLSettings(updates=1, prompts=4, samples=4, length=4)


@pytest.mark.parametrize(
    ("best", "expected"),
    [(1, [[0, 1, 0, 0], [0] * 4]), (2, [[0, 1, 1, 0], [0] * 4])],
)
def test_the_best_are_kept_and_none_where_all_are_equal(policy, best, expected):
    recipe = Rejection(policy, toy_reward, SETTINGS, best=best)
    rewards = np.float32([[9, 3, 2, 0], [5, 5, 5, 5]])
    valid = np.array([[False, True, True, True], [True] * 4])
    found = recipe.trainer.algorithm.estimate(signals(rewards=rewards, valid=valid))
    assert (found.keep & valid).tolist() == np.array(expected, bool).tolist()


def test_at_least_one_is_rejected(policy):
    with pytest.raises(ConfigError, match=r"best must be an integer in \[1, 4\)"):
        Rejection(policy, toy_reward, SETTINGS, best=4)
