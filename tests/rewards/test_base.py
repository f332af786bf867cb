"""What a reward may return, and how parts become one number."""

import math

import numpy as np
import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.base import (
    ComposedReward,
    PerUpdateReward,
    checked,
    combine,
    score_completions,
)
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.random import RandomReward
from nutgraf.rewards.weighted import WeightedSum

ROWS = [Row("first", "d"), Row("second", "d", (), "news.jsonl:7")]


def test_values_become_plain_floats():
    found = checked([np.float32(0.5), None, 1, True], ["a"] * 4)
    assert found == [0.5, None, 1.0, True]
    assert [type(value) for value in found] == [float, type(None), float, float]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -np.inf, "good", [1.0]])
def test_other_values_are_refused_with_row_and_text(bad):
    with pytest.raises(RunError) as caught:
        checked([0.1, bad], ["fine", "x" * 99], ROWS, "the reward mine")
    message = str(caught.value)
    assert "the reward mine must return finite numbers or None" in message
    assert f"Received: {bad!r} for row 'second' (news.jsonl:7)" in message
    assert "x" * 60 + "…" in message and "x" * 61 not in message
    with pytest.raises(RunError, match="for sample 1, text 'b'"):
        checked([0.1, bad], ["a", "b"])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_value_per_text(count):
    with pytest.raises(RunError, match=f"Received: {count} values for 2 texts"):
        checked([0.0] * count, ["a", "b"])


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


def test_protocols_tell_the_kinds_apart():
    band, noise = LengthBandPenalty(1, 2), RandomReward(0)
    both = WeightedSum({"band": (band, 1.0)})
    kinds = [
        (isinstance(reward, ComposedReward), isinstance(reward, PerUpdateReward))
        for reward in (band, noise, both)
    ]
    assert kinds == [(False, False), (False, True), (True, True)]
