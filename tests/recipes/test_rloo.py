from nutgraf.backend import to_numpy
from nutgraf.recipes.rloo import RLOO
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward
from tests.rl.test_actor_critic import signals


def test_the_kl_is_part_of_the_reward(policy):
    recipe = RLOO(policy, toy_reward, RLSettings(length=8, kl_weight=1.0))
    found = recipe.trainer.algorithm.estimate(signals())
    # rewards 1 and 2, KL 1.5 and 0.5 nats: -0.5 and 1.5, minus the other's
    assert to_numpy(found.advantages).tolist() == [[-2, 2]]
    assert not recipe.trainer.algorithm.kl_in_loss
