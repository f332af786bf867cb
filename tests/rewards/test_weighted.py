import math
import pickle

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.length import LengthBandPenalty, LengthRatioPenalty
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.repetition import RepetitionPenalty
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rewards.weighted import WeightedSum


def broken(prompts, completions, references, rows=None):
    return [math.nan for _ in completions]


REWARD = WeightedSum(
    {
        "rouge": (RougeReward(1, 0, 0), 1.0),
        "length": (LengthRatioPenalty(1.0, 1.0), 0.5),
        "repetition": (RepetitionPenalty((2,)), 0.0),
    }
)


def test_by_hand():
    # "a b a b" for "a b": R-1 = 2 of 4 and of 2 = 2/3, length -ln 2, pairs -1/3
    given = ([""], ["a b a b"], [["a b"]])
    assert REWARD(*given) == [pytest.approx(2 / 3 - 0.5 * math.log(2))]
    parts = REWARD.components(*given)
    assert parts == {
        "rouge": [pytest.approx(2 / 3)],
        "length": [pytest.approx(-math.log(2))],
        "repetition": [pytest.approx(-1 / 3)],
    }
    assert REWARD.total(parts) == REWARD(*given)


def test_none_in_any_part_is_none():
    given = ([""] * 2, ["a", "a"], [[], ["a"]])
    assert REWARD(*given) == [None, pytest.approx(1.0)]
    assert REWARD.components(*given)["repetition"] == [0.0, 0.0]


def test_a_longer_text_that_repeats_loses_what_it_gains():
    reward = WeightedSum(
        {"rouge": (RougeReward(), 1.0), "repetition": (RepetitionPenalty(), 1.0)}
    )
    reference = "returns every second row of this table"
    texts = ["returns every row", "returns every row returns every row"]
    once, twice = reward([""] * 2, texts, [[reference]] * 2)
    assert once > twice


def test_a_bad_part_is_named_with_row_and_text():
    reward = WeightedSum({"band": (LengthBandPenalty(1, 2), 1.0), "mine": (broken, 1)})
    with pytest.raises(
        RunError, match="the reward 'mine' .* nan for row 'r1', text 'x'"
    ):
        reward([""], ["x"], [[]], [Row("r1", "")])


def test_parts_of_parts_are_components_and_do_not_count_twice():
    inner = WeightedSum({"band": (LengthBandPenalty(1, 2), 3.0)})
    reward = WeightedSum({"inner": (inner, 0.5)})
    given = ([""], ["a b c"], [[]])
    found = -math.log(3 / 2)
    assert reward.components(*given) == {
        "inner": [pytest.approx(3 * found)],
        "inner/band": [pytest.approx(found)],
    }
    assert reward(*given) == [pytest.approx(1.5 * found)]


def test_at_update_moves_the_parts_that_want_it():
    reward = WeightedSum({"noise": (RandomReward(1), 1.0), "rest": (broken, 0.5)})
    moved = reward.at_update(3)
    assert moved.parts == {"noise": (RandomReward(1, 3), 1.0), "rest": (broken, 0.5)}
    assert reward.parts["noise"][0] == RandomReward(1)


@pytest.mark.parametrize("weights", [(), (0.0,), (1.0, -0.5), (math.nan,)])
def test_weights_are_checked(weights):
    parts = {str(n): (broken, weight) for n, weight in enumerate(weights)}
    with pytest.raises(ConfigError, match="one of them > 0. Received: {"):
        WeightedSum(parts)


def test_pickles():
    assert pickle.loads(pickle.dumps(REWARD)) == REWARD
