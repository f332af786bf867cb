import dataclasses

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.grpo import GRPO
from nutgraf.rewards.random import RandomReward
from nutgraf.rl.settings import RLSettings
from nutgraf.rl.trainer import RLTrainer
from nutgraf.testing.toys import toy_policy

SETTINGS = RLSettings(
    updates=40,
    prompts=4,
    samples=8,
    length=6,
    learning_rate=5e-3,
    warmup=2,
    kl_weight=0.0,
    source_bounds=(32,),
)


def echo(prompts, completions, references, rows=None):
    """Share of the first four pieces that occur in the document."""
    return [
        sum(word in prompt.split() for word in text.split()[:4]) / 4
        for prompt, text in zip(prompts, completions, strict=True)
    ]


def gain(recipe, rows):
    records = recipe.fit(rows)
    rewards = [record["reward/mean"] for record in records]
    return np.mean(rewards[-5:]) - np.mean(rewards[:5])


def test_learns_to_echo_the_source(tokenizer, rows):
    assert gain(GRPO(toy_policy(tokenizer), echo, SETTINGS), rows) > 0.15


def test_a_flipped_sign_does_not_learn(tokenizer, rows):
    recipe = GRPO(toy_policy(tokenizer), echo, SETTINGS)
    honest = recipe.trainer.algorithm

    def flipped(signals):
        found = honest.estimate(signals)
        return found._replace(advantages=-1.0 * found.advantages)

    mutant = dataclasses.replace(honest, estimate=flipped)
    recipe.trainer = RLTrainer(toy_policy(tokenizer), echo, mutant, SETTINGS)
    assert gain(recipe, rows) < 0.05


def test_a_random_reward_teaches_nothing(tokenizer, rows):
    policy = toy_policy(tokenizer)
    settings = dataclasses.replace(SETTINGS, updates=20)
    found = gain(GRPO(policy, RandomReward(0), settings), rows)
    assert abs(found) < 0.1


def test_clip_range_is_checked(policy):
    with pytest.raises(ConfigError, match=r"clip_range must be .* in \(0, 1\).*1.5"):
        GRPO(policy, echo, SETTINGS, clip_range=1.5)


def test_limits_that_a_weight_does_not_read_are_refused(policy):
    weight = {"ratio": "weight", "clip_range_high": 4.0}
    for idle in ({"dual_clip": 3.0}, {"ratio_limit": 6.0}, {"clip_range": 0.1}):
        ((name, value),) = idle.items()
        found = f"the ratio 'weight' .CISPO. does not. Received: {name}={value}"
        with pytest.raises(ConfigError, match=found):
            GRPO(policy, echo, SETTINGS, **weight, **idle)
        GRPO(policy, echo, SETTINGS, **idle)
    GRPO(policy, echo, SETTINGS, ratio="weight", clip_range=0.1)  # the upper limit
