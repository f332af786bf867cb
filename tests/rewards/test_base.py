"""How parts become one number, and what happens to texts on which a reward raises."""

import math

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.adjusted import Normalized
from nutgraf.rewards.base import RewardFailed, combine, judge, score_completions
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.weighted import WeightedSum

ROWS = [Row("first", "d"), Row("second", "d", (), "news.jsonl:7")]


def test_combine_by_hand():
    parts = {"a": [1.0, 2.0, None, 0.0], "b": [10.0, None, 1.0, -4.0]}
    # 2 * 1 + 0.5 * 10; None in either; 0.5 * -4
    assert combine(parts, {"a": 2.0, "b": 0.5}) == [7.0, None, None, -2.0]
    # weights go by name, not by order
    assert combine(parts, {"b": 0.5, "a": 2.0}) == [7.0, None, None, -2.0]


def test_combine_needs_one_weight_per_part():
    with pytest.raises(ConfigError, match=r"same names. Received: \['a'\] and \['b'\]"):
        combine({"a": [1.0]}, {"b": 1.0})


def test_a_function_is_a_reward():
    def count_rows(prompts, completions, references, rows=None):
        return [len(rows) + len(text) for text in completions]

    found = score_completions(count_rows, ["p", "q"], ["", "ab"], [[], []], ROWS)
    assert found == ([2.0, 4.0], {})

    def broken(prompts, completions, references, rows=None):
        return [math.nan for _ in completions]

    with pytest.raises(RunError, match="the reward broken .* row 'first', text 'x'"):
        score_completions(broken, ["p", "q"], ["x", "y"], [[], []], ROWS)


def test_parts_are_returned_beside_the_sum():
    reward = WeightedSum({"band": (LengthBandPenalty(1, 2), 2.0)})
    texts = ["a", "a b c d"]
    totals, parts = score_completions(reward, ["", ""], texts, [[], []])
    assert totals == [2 * value for value in parts["band"]]
    assert parts["band"] == [0.0, pytest.approx(-math.log(2))]


def test_update_reaches_rewards_that_want_it():
    given = (["p"] * 3, ["a"] * 3, [[]] * 3)
    plain = RandomReward(1)
    for reward in (plain, WeightedSum({"noise": (plain, 1.0)})):
        first, _ = score_completions(reward, *given, update=1)
        assert first == plain.at_update(1)(*given)
        assert score_completions(reward, *given, update=2)[0] != first


def inverse(prompts, completions, references, rows=None):
    """Raises for an empty text."""
    return [1 / len(text) for text in completions]


def row_number(prompts, completions, references, rows=None):
    return [
        float(row.id) + 0 * inverse([""], [text], [[]])[0]
        for row, text in zip(rows, completions, strict=True)
    ]


def test_a_raising_reward_stops_with_row_and_text():
    given = (["p", "q"], ["a", ""], [[], []], ROWS)
    for judged in (judge, score_completions):
        with pytest.raises(
            RewardFailed, match="the reward inverse must not raise"
        ) as e:
            judged(inverse, *given)
        assert "row 'second' (news.jsonl:7), text ''" in str(e.value)


def test_or_the_text_is_left_out():
    rows = [Row(str(number), "d") for number in range(4)]
    given = (["p"] * 4, ["a", "", "bb", ""], [[]] * 4, rows)
    scores = judge(row_number, *given, on_error="skip")
    assert scores.values == [0.0, None, 2.0, None]
    assert list(scores.failures) == [1, 3]
    assert "row '3', text ''" in scores.failures[3]
    fine = judge(row_number, ["p"], ["a"], [[]], rows[:1], on_error="skip")
    assert fine == ([0.0], {}, {})


def test_parts_of_a_text_that_is_left_out_are_none_too():
    reward = WeightedSum(
        {"mine": (inverse, 1.0), "band": (LengthBandPenalty(1, 2), 1.0)}
    )
    given = (["p"] * 2, ["", "ab"], [[]] * 2)
    scores = judge(reward, *given, on_error="skip")
    assert scores.values == [None, 0.5]
    assert scores.components == {"mine": [None, 0.5], "band": [None, 0.0]}
    assert "the reward 'mine' must not raise" in scores.failures[0]


def test_the_others_are_judged_together():
    reward = Normalized(inverse)
    given = (["p"] * 3, ["", "a", "aa"], [[]] * 3)
    assert judge(reward, *given, on_error="skip").values == [None, 1.0, -1.0]


def test_a_reward_that_always_raises_stops_all_the_same():
    with pytest.raises(RewardFailed, match="text ''"):
        judge(inverse, ["p"] * 2, ["", ""], [[]] * 2, on_error="skip")


def test_nan_is_never_skipped():
    def broken(prompts, completions, references, rows=None):
        return [math.nan for _ in completions]

    with pytest.raises(RunError, match="must return finite numbers"):
        judge(broken, ["p"], ["a"], [[]], on_error="skip")


def test_on_error_is_checked():
    with pytest.raises(ConfigError, match='"stop" or "skip". Received: \'warn\''):
        judge(inverse, ["p"], ["a"], [[]], on_error="warn")
