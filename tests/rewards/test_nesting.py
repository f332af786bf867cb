"""Parts of parts stay visible, updates reach them, and totals need only the parts."""

import pytest

from nutgraf.rewards.adjusted import Clipped, Normalized, Threshold
from nutgraf.rewards.annealed import Annealed
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.nesting import moved, named_values, parts_of, total_of, whole_call
from nutgraf.rewards.product import Product
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.weighted import WeightedSum

GIVEN = (["s"] * 2, ["a b", "a b c d"], [["a b"]] * 2)
BAND = LengthBandPenalty(1, 2)


def size(prompts, completions, references, rows=None):
    return [float(len(text)) for text in completions]


DEEP = WeightedSum(
    {
        "rouge": (RougeReward(1, 0, 0), 1.0),
        "gate": (
            Product(
                {"short": Threshold(size, at=4.0)}, {"band": Clipped(BAND, -0.5, 0)}
            ),
            0.5,
        ),
    }
)


def test_all_levels_are_in_the_components():
    totals, parts = score_completions(DEEP, *GIVEN)
    assert list(parts) == [
        "rouge",
        "gate",
        "gate/short",
        "gate/short/size",
        "gate/band",
        "gate/band/LengthBandPenalty",
    ]
    # 3 letters and spaces are below 4; the second: 1 * (1 - 0.5)
    assert parts["gate/short/size"] == [3.0, 7.0]
    assert parts["gate/short"] == [0.0, 1.0]
    assert parts["gate/band"] == [0.0, -0.5]
    assert parts["gate"] == [0.0, 0.5]
    assert totals == [pytest.approx(1.0), pytest.approx(2 / 3 + 0.25)]
    assert DEEP(*GIVEN) == totals
    assert DEEP.total(parts) == totals


def test_updates_reach_every_level():
    noise = RandomReward(1)
    deep = WeightedSum({"a": (Clipped(Annealed(noise, 0.0, 1.0, 10)), 1.0)})
    found = deep.at_update(5).parts["a"][0].reward
    assert found.update == 5 and found.reward == RandomReward(1, 5)
    assert moved(size, 3) is size
    assert deep.parts["a"][0].reward.update == 0


def test_a_reward_without_parts_is_its_own_part():
    parts = parts_of(size, *GIVEN, None)
    assert parts == {"size": [3.0, 7.0]}
    assert total_of(size, parts) == [3.0, 7.0]
    assert named_values("mine", size, *GIVEN, None) == {"mine": [3.0, 7.0]}


def test_rewards_that_look_at_the_whole_call_say_so_at_every_level():
    assert not any(map(whole_call, (size, BAND, DEEP, Clipped(size), Annealed(size))))
    noise = RandomReward(0)
    wholes = [noise, Normalized(size), Clipped(noise), Product({"a": noise})]
    wholes += [WeightedSum({"a": (Threshold(Normalized(size)), 1.0)})]
    assert all(map(whole_call, wholes))
