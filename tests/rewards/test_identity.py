import functools

from nutgraf.rewards.identity import identity_of
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.pool import PooledReward
from nutgraf.rewards.weighted import WeightedSum
from nutgraf.testing.toys import toy_reward


def test_all_that_tells_rewards_apart_is_named():
    reward = WeightedSum({"band": (LengthBandPenalty(1, 9), 1.0), "a": (toy_reward, 2)})
    assert identity_of(reward) == (
        "WeightedSum(parts={band=(LengthBandPenalty(low=1, high=9, words='english'), "
        "1.0), a=(toy_reward, 2)})"
    )


def test_functions_have_their_name_and_what_they_were_given():
    assert identity_of(functools.partial(toy_reward, [1], rows=None)) == (
        "toy_reward((1), rows=None)"
    )
    assert identity_of(lambda *texts: []).endswith("<lambda>")


def test_what_cannot_be_named_has_its_class():
    class Own:
        def __call__(self, prompts, completions, references, rows=None):
            return []

    assert identity_of(Own()) == "Own" == identity_of(Own())


def test_other_processes_change_no_reward():
    assert identity_of(PooledReward(toy_reward, 2)) == "toy_reward"
