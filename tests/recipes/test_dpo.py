import dataclasses

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.dpo import DPO
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, toy_reward
from tests.rl.test_actor_critic import signals

SETTINGS = RLSettings(updates=1, prompts=4, samples=4, length=4)


def estimate(policy, rewards, valid):
    algorithm = DPO(policy, toy_reward, SETTINGS).trainer.algorithm
    given = signals(rewards=np.float32(rewards), valid=np.array(valid))
    return algorithm.estimate(given)


def test_the_best_and_the_worst_are_the_pair(policy):
    rewards = [[1, 3, 2, 0], [5, 5, 5, 5], [9, 1, 2, 3]]
    valid = [[True] * 4, [True] * 4, [False, True, True, True]]
    found = estimate(policy, rewards, valid)
    assert found.keep.tolist() == [
        [False, True, False, True],
        [False] * 4,
        [False, True, False, True],
    ]
    assert found.advantages[0].tolist() == [0, 1, 0, -1]
    assert found.advantages[2].tolist() == [0, -1, 0, 1]


@pytest.mark.parametrize("loss", ["dpo", "ipo"])
def test_the_first_loss_is_that_of_a_policy_equal_to_its_reference(
    tokenizer, rows, loss
):
    def lengths(prompts, completions, references, rows=None):
        return [float(len(text)) for text in completions]

    recipe = DPO(toy_policy(tokenizer), lengths, SETTINGS, loss=loss, beta=0.5)
    (record,) = recipe.fit(rows)
    expected = np.log(2) if loss == "dpo" else 1.0  # (0 - 1 / (2 * 0.5))^2
    assert record["loss/rl"] == pytest.approx(expected, rel=1e-4)
    assert record["train/gradient_norm"] > 0


def test_wrong_losses_are_refused(policy):
    with pytest.raises(ConfigError, match="Received: loss='kto'"):
        DPO(policy, toy_reward, SETTINGS, loss="kto")
    with pytest.raises(ConfigError, match="label_smoothing=0.1"):
        DPO(policy, toy_reward, SETTINGS, loss="ipo", label_smoothing=0.1)
    with pytest.raises(ConfigError, match="samples must be at least 2 for DPO"):
        DPO(policy, toy_reward, dataclasses.replace(SETTINGS, samples=1))
