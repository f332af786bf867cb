"""The kinds of rewards are told apart by what they can do."""

import pytest

from nutgraf.rewards.adjusted import Clipped
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.product import Product
from nutgraf.rewards.protocol import ComposedReward, PerUpdateReward
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.weighted import WeightedSum

BAND = LengthBandPenalty(1, 2)


def plain(prompts, completions, references, rows=None):
    return [0.0] * len(completions)


@pytest.mark.parametrize(
    ("reward", "composed", "per_update"),
    [
        (plain, False, False),
        (BAND, False, False),
        (RandomReward(0), False, True),
        (WeightedSum({"band": (BAND, 1.0)}), True, True),
        (Product({"plain": plain}), True, True),
        (Clipped(BAND), True, True),
    ],
)
def test_kinds(reward, composed, per_update):
    assert isinstance(reward, ComposedReward) is composed
    assert isinstance(reward, PerUpdateReward) is per_update
