import pytest

from nutgraf.backend import to_numpy
from nutgraf.recipes.ppo import PPO
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward
from tests.rl.test_actor_critic import signals


def estimate(policy, **options):
    recipe = PPO(
        policy, toy_reward, RLSettings(prompts=2, length=8, kl_weight=0.1), **options
    )
    algorithm = recipe.trainer.algorithm
    return algorithm.estimate(signals(memory=algorithm.memory))


def test_the_price_of_the_kl_follows_the_kl(policy):
    # 1 nat a text; the step is cut at a fifth, 2 texts of a horizon of 10
    dearer = estimate(policy, kl_target=0.5, kl_horizon=10)
    cheaper = estimate(policy, kl_target=50.0, kl_horizon=10)
    assert dearer.memory["kl_weight"] == pytest.approx(0.1 * (1 + 0.2 * 0.2))
    assert cheaper.memory["kl_weight"] == pytest.approx(0.1 * (1 - 0.2 * 0.2))
    assert estimate(policy).memory["kl_weight"] == 0.1


def test_advantages_are_whitened_over_the_tokens_that_count(policy):
    found = to_numpy(estimate(policy).advantages)
    counted = found[signals().mask]
    assert counted.mean() == pytest.approx(0, abs=1e-6)
    assert counted.std(ddof=1) == pytest.approx(1, rel=1e-4)


def test_several_epochs_move_the_ratio(policy, rows):
    settings = RLSettings(
        updates=1, prompts=4, samples=4, length=4, epochs=3, learning_rate=1e-3,
        warmup=0,
    )  # fmt: skip
    (record,) = PPO(policy, toy_reward, settings).fit(rows)
    assert abs(record["policy/ratio"] - 1) > 1e-4  # of the third epoch
