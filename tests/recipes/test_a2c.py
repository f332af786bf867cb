import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.recipes.a2c import A2C
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, toy_reward, weights_of
from tests.rl.test_actor_critic import signals


def test_an_advantage_is_what_the_critic_did_not_expect(policy):
    recipe = A2C(policy, toy_reward, RLSettings(length=8, kl_weight=0.0), trace=1.0)
    values = np.full((1, 2, 3), 0.25, "float32")
    found = to_numpy(recipe.trainer.algorithm.estimate(signals(values)).advantages)
    np.testing.assert_allclose(found, [[[0.75] * 3, [1.75, 0, 0]]], atol=1e-6)


@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_in_the_warm_up_only_the_critic_learns(tokenizer, rows, critic):
    policy = toy_policy(tokenizer)
    settings = RLSettings(updates=1, prompts=4, samples=2, length=4)
    recipe = A2C(policy, toy_reward, settings, critic=critic, critic_warmup=1)
    (record,) = recipe.fit(rows)
    before = weights_of(toy_policy(tokenizer))
    for old, new in zip(before, weights_of(policy), strict=True):
        np.testing.assert_array_equal(old, new)
    assert record["loss/critic"] > 0 and record["train/gradient_norm"] > 0
