import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.recipe import Recipe
from nutgraf.recipes.self_critical import SelfCritical
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.rl.algorithm import Algorithm, Estimate
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer
from nutgraf.testing.toys import toy_reward

PLAIN = Algorithm(lambda signals: Estimate(signals.rewards), lambda lp, given: -lp)


def test_an_algorithm_of_ones_own_runs(policy, rows, tmp_path):
    settings = RLSettings(updates=2, prompts=4, samples=2, length=4)
    recipe = Recipe(policy, toy_reward, PLAIN, settings, tmp_path)
    assert len(recipe.fit(rows)) == 2
    assert (tmp_path / "last" / "config.json").is_file()


def test_too_few_samples_are_refused(policy):
    with pytest.raises(ConfigError, match="at least 3 for Recipe.*samples=2"):
        Recipe(
            policy, toy_reward, PLAIN, RLSettings(samples=2, length=8), None, least=3
        )


def test_another_reward_or_algorithm_does_not_resume(
    policy, rows, tmp_path, monkeypatch
):
    monkeypatch.setattr(RLTrainer, "update", lambda trainer, state, draw: (state, {}))
    settings = RLSettings(updates=2, prompts=4, samples=2, length=4)
    folder = {"folder": tmp_path}
    reward = WeightedSum({"toy": (toy_reward, 1.0)})
    GRPO(policy, reward, settings, **folder).fit(rows, stop_after=0.0)
    heavier = WeightedSum({"toy": (toy_reward, 2.0)})
    for other, told in (
        (GRPO(policy, heavier, settings, **folder), r"reward = .*toy_reward, 2\.0\)"),
        (GRPO(policy, reward, settings, clip_range=0.1, **folder), "clip_range = 0.1"),
        (SelfCritical(policy, reward, settings, **folder), "= 'SelfCritical'. Use"),
    ):
        with pytest.raises(ConfigError, match=f"resumed with .*Received: .*{told}"):
            other.fit(rows)
    assert len(GRPO(policy, reward, settings, **folder).fit(rows)) == 1
