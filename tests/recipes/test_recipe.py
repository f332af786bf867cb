import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.recipe import Recipe
from nutgraf.rl.algorithm import Algorithm, Estimate
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward

PLAIN = Algorithm(lambda signals: Estimate(signals.rewards), lambda lp, given: -lp)


def test_an_algorithm_of_ones_own_runs(policy, rows, tmp_path):
    settings = RLSettings(updates=2, prompts=4, samples=2, length=4)
    recipe = Recipe(policy, toy_reward, PLAIN, settings, tmp_path)
    assert len(recipe.fit(rows)) == 2
    assert (tmp_path / "last" / "config.json").is_file()


def test_too_few_samples_are_refused(policy):
    with pytest.raises(ConfigError, match="at least 3 for Recipe.*samples=2"):
        Recipe(policy, toy_reward, PLAIN, RLSettings(samples=2), None, least=3)
