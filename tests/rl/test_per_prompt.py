import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.recipes.algorithms import ALGORITHMS, make_recipe
from nutgraf.rl.per_prompt import for_each_token, prompt_sum_count
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_reward

MASK = np.zeros((3, 2, 4), bool)
MASK[0, 0, :3] = MASK[0, 1, :1] = MASK[1, 1, :2] = True  # prompt 2 has no token


def test_given_to_each_token_and_averaged_it_is_the_loss():
    given = to_numpy(for_each_token(np.float32([8, -4, 7]), MASK))
    assert given[0].tolist() == [[8, 8, 8, 0], [8, 0, 0, 0]]
    assert given[1].tolist() == [[0] * 4, [-4, -4, 0, 0]]
    total, count = prompt_sum_count(given, MASK)
    assert (float(total), float(count)) == (4, 2)


def test_nothing_counts_without_tokens():
    none = np.zeros((1, 2, 3), bool)
    total, count = prompt_sum_count(for_each_token(np.float32([5]), none), none)
    assert (float(total), float(count)) == (0, 0)


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if name != "supervised"])
def test_weights_of_kl_and_entropy_do_not_grow_with_the_samples(policy, name):
    """They are added to each token. RLOO sums over a text, its objective alike."""
    settings = RLSettings(length=8)
    algorithm = make_recipe(name, policy, toy_reward, settings).trainer.algorithm

    def weight(samples):
        mask = np.ones((2, samples, 6), bool)
        total, count = algorithm.reduce(np.ones(mask.shape, "float32"), mask)
        return float(total) / float(count)

    assert weight(8) == pytest.approx(weight(2))
    expected = {"rloo": 6.0, "dr-grpo": 6 / 8}.get(name, 1.0)
    assert weight(2) == pytest.approx(expected)
