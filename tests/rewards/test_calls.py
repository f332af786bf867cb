"""What a reward may return, and what is told about one that raises."""

import math
import pickle

import numpy as np
import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import DataError, RunError
from nutgraf.rewards.calls import (
    RewardFailed,
    checked,
    described,
    failed,
    first_failure,
    name_of,
    run,
)
from nutgraf.rewards.length import LengthBandPenalty
from nutgraf.rewards.weighted import WeightedSum

ROWS = [Row("first", "d"), Row("second", "d", (), "news.jsonl:7")]


def inverse(prompts, completions, references, rows=None):
    return [1 / len(text) for text in completions]


def unruly(prompts, completions, references, rows=None):
    if len(completions) > 1:
        raise ValueError("one at a time")
    return [0.0]


def wrapped(prompts, completions, references, rows=None):
    raise DataError("says already what to do")


def test_values_become_plain_floats():
    found = checked([np.float32(0.5), None, 1, True], ["a"] * 4)
    assert found == [0.5, None, 1.0, True]
    assert [type(value) for value in found] == [float, type(None), float, float]
    assert checked(np.array([1, 2]), ["a", "b"]) == [1.0, 2.0]


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
    with pytest.raises(RunError, match="for text 'b'"):
        checked([bad], ["b"])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_value_per_text(count):
    with pytest.raises(RunError, match=f"Received: {count} values for 2 texts"):
        checked([0.0] * count, ["a", "b"])


@pytest.mark.parametrize("found", [None, 0.5, iter([0.5, 0.5])])
def test_a_list_is_wanted(found):
    with pytest.raises(RunError, match=f"Received: {type(found).__name__} for 2 texts"):
        checked(found, ["a", "b"])


def test_an_exception_is_described_with_its_place():
    try:
        inverse([""], [""], [[]])
    except ZeroDivisionError as error:
        found = described(error)
    assert found.startswith("ZeroDivisionError: ") and "(test_calls.py:" in found
    assert described(KeyError()) == "KeyError"


def test_the_first_failing_text_is_found():
    given = (["p"] * 3, ["a", "", ""], [[]] * 3)
    number, error = first_failure(inverse, *given, None)
    assert number == 1 and isinstance(error, ZeroDivisionError)
    assert first_failure(inverse, ["p"], ["a"], [[]], None) is None


def test_a_reward_that_raises_is_told_with_row_and_text():
    given = (["p"] * 2, ["a", ""], [[]] * 2)
    with pytest.raises(RewardFailed) as caught:
        run(inverse, "the reward mine", *given, ROWS)
    message = str(caught.value)
    assert message.startswith("the reward mine must not raise. Received: ZeroDivision")
    assert "for row 'second' (news.jsonl:7), text ''. Return None" in message
    assert caught.value.number == 1
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(RewardFailed, match="for sample 1, text ''"):
        run(inverse, "mine", *given, None)


def test_a_reward_that_raises_for_several_texts_alone_is_told_so():
    with pytest.raises(RewardFailed, match="a call with 2 texts, though") as caught:
        run(unruly, "mine", ["p"] * 2, ["a", "b"], [[]] * 2, None)
    assert caught.value.number is None


def test_own_errors_pass():
    with pytest.raises(DataError, match="says already"):
        run(wrapped, "mine", ["p"], ["a"], [[]], None)


def test_parts_come_along():
    band = LengthBandPenalty(1, 2)
    given = (["p"], ["a b"], [[]], None)
    assert run(band, "mine", *given) == ([0.0], {})
    both = WeightedSum({"band": (band, 1.0)})
    assert run(both, "mine", *given) == ([0.0], {"band": [0.0]})


def test_names():
    assert name_of(inverse) == "inverse"
    assert name_of(LengthBandPenalty(1, 2)) == "LengthBandPenalty"


def test_the_error_pickles_with_its_number():
    error = pickle.loads(pickle.dumps(failed("mine", "why", 1, ["a", "b"], None)))
    assert error.number == 1 and "sample 1, text 'b'" in str(error)
