import pickle

import pytest

from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.ending import MissingEndPenalty
from nutgraf.rewards.length import LengthBandPenalty, LengthRatioPenalty
from nutgraf.rewards.product import Product
from nutgraf.rewards.rouge import RougeReward

REWARD = Product(
    {"rouge": RougeReward(1, 0, 0)},
    {"end": MissingEndPenalty(), "length": LengthBandPenalty(2, 4)},
)


def minus(prompts, completions, references, rows=None):
    return [-0.5] * len(completions)


def test_by_hand():
    texts = ["a b.", "a b", "a."]
    found = REWARD([""] * 3, texts, [["a b."]] * 3)
    # R-1 of "a." 2/3; one word for two: 1 - ln 2
    assert found == [1.0, 0.0, pytest.approx(2 / 3 * (1 - 0.6931471805599453))]
    assert REWARD.components([""] * 3, texts, [["a b."]] * 3)["end"] == [0.0, -1.0, 0.0]


def test_two_penalties_make_no_reward():
    reward = Product({"rouge": RougeReward()}, {"a": minus, "b": minus})
    assert reward([""], ["a b"], [["a b"]]) == [pytest.approx(0.25)]


def test_none_in_any_part_is_none():
    reward = Product({"rouge": RougeReward()}, {"length": LengthRatioPenalty()})
    assert reward([""] * 2, ["a b"] * 2, [[], ["a b"]]) == [None, 1.0]


def test_parts_in_the_wrong_place_are_named():
    with pytest.raises(
        RunError, match=">= 0. Received: -0.5 from 'mine'. Clip it, or list it"
    ):
        Product({"mine": minus})([""], ["a"], [[]])
    with pytest.raises(RunError, match=r"in \[-1, 0\]. Received: 1.0 from 'rouge'"):
        Product({"a": RougeReward()}, {"rouge": RougeReward()})(
            [""], ["a b"], [["a b"]]
        )


@pytest.mark.parametrize("parts", [({}, {"a": minus}), ({"a": minus}, {"a": minus})])
def test_names_are_checked(parts):
    with pytest.raises(ConfigError, match="at least one quality, and each name once"):
        Product(*parts)


def test_pickles():
    assert pickle.loads(pickle.dumps(REWARD)) == REWARD
