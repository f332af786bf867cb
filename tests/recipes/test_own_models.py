"""A Keras model of one's own, all the way: it learns, is saved, and goes on."""

import dataclasses

import numpy as np
import pytest

from nutgraf.models.checkpoint import load_weights
from nutgraf.recipes.a2c import A2C
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.nlpo import NLPO
from nutgraf.recipes.ppo import PPO
from nutgraf.recipes.reinforce import Reinforce
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import weights_of
from nutgraf.training.run_state import latest_checkpoint
from tests.models.own_models import letters, own_policy

SETTINGS = RLSettings(
    updates=30,
    prompts=4,
    samples=8,
    length=6,
    learning_rate=1e-2,
    warmup=2,
    kl_weight=0.0,
    source_bounds=(48,),
    checkpoint_every=10,
)
SHORT = dataclasses.replace(SETTINGS, updates=2)


@pytest.mark.backend
@pytest.mark.parametrize("recipe", [GRPO, PPO])
def test_it_learns_is_saved_and_goes_on(tokenizer, rows, tmp_path, recipe):
    whole = own_policy(tokenizer)
    records = recipe(whole, letters, SETTINGS, folder=tmp_path / "a").fit(rows)
    means = [record["reward/mean"] for record in records]
    assert np.mean(means[-5:]) > 1.5 * np.mean(means[:5])

    cut = recipe(own_policy(tokenizer), letters, SETTINGS, folder=tmp_path / "b")
    count = len(cut.fit(rows, stop_after=0.0))
    resumed = own_policy(tokenizer, seed=2)  # these weights are not used
    rest = recipe(resumed, letters, SETTINGS, folder=tmp_path / "b").fit(rows)
    assert count == 1 and [one["reward/mean"] for one in rest] == means[1:]
    assert latest_checkpoint(tmp_path / "b/checkpoints").name == "step-00000030"
    weights = tmp_path / "b" / "last" / "model.safetensors"
    for one, two, three in zip(
        weights_of(whole),
        weights_of(resumed),
        load_weights(weights, resumed.variables),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(two, three)


@pytest.mark.parametrize("states", [False, True], ids=["log-probs", "states"])
@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        (A2C, {}),
        (A2C, {"critic": "separate"}),
        (PPO, {}),
        (NLPO, {}),
        (Reinforce, {"baseline": "learned"}),
    ],
    ids=["a2c", "separate", "ppo", "nlpo", "reinforce"],
)
def test_a_critic_leaves_the_policy_its_steps(tokenizer, rows, recipe, options, states):
    """Log-probs of -1e9 once made a gradient of 3e8, which clipping shrank."""
    policy = own_policy(tokenizer, states)
    for record in recipe(policy, letters, SHORT, **options).fit(rows):
        assert record["train/gradient_norm"] < 1.0 and record["loss/critic"] < 0.1
