import pickle

import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.adjusted import Clipped, Normalized, Threshold
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.random import RandomReward


def number(prompts, completions, references, rows=None):
    """The number that a text writes out."""
    return [float(text) if text else None for text in completions]


def apply(reward, *values):
    texts = ["" if value is None else str(value) for value in values]
    return reward([""] * len(texts), texts, [[]] * len(texts))


def test_threshold():
    assert apply(Threshold(number, 0.5), 0.4, 0.5, None, 9) == [0.0, 1.0, None, 1.0]


def test_clipped():
    found = apply(Clipped(number, -1, 2), -3, -1, 0.5, None, 7)
    assert found == [-1.0, -1.0, 0.5, None, 2.0]


def test_normalized_by_hand():
    # mean 3, deviations -2 0 2: variance 8/3
    found = apply(Normalized(number), 1, 3, None, 5)
    deviation = (8 / 3) ** 0.5
    assert found == [
        pytest.approx(-2 / deviation),
        0.0,
        None,
        pytest.approx(2 / deviation),
    ]
    values = np.array(apply(Normalized(number), *range(20)))
    assert values.mean() == pytest.approx(0) and values.std() == pytest.approx(1)


def test_normalized_does_not_depend_on_scale_or_place():
    first = apply(Normalized(number), 1, 2, 4)
    assert apply(Normalized(number), 110, 120, 140) == [*map(pytest.approx, first)]


def test_normalized_gives_0_where_nothing_differs():
    assert apply(Normalized(number), 2, 2, None) == [0.0, 0.0, None]
    assert apply(Normalized(number), 7) == [0.0]
    assert apply(Normalized(number), None) == [None]
    assert apply(Normalized(number)) == []


def test_what_was_there_before_is_logged():
    for reward in (Threshold(number), Clipped(number), Normalized(number)):
        _, parts = score_completions(reward, ["", ""], ["1", "2"], [[], []])
        assert parts == {"number": [1.0, 2.0]}


def test_updates_pass_through():
    moved = Threshold(RandomReward(3), 0.1).at_update(7)
    assert moved == Threshold(RandomReward(3, 7), 0.1)


def test_values_are_checked():
    with pytest.raises(ConfigError, match="Received: at=nan"):
        Threshold(number, float("nan"))
    with pytest.raises(ConfigError, match="Received: low=1, high=0"):
        Clipped(number, 1, 0)
    with pytest.raises(ConfigError, match="Received: least=0"):
        Normalized(number, 0)


def test_pickles():
    inner = RandomReward(1)
    for reward in (Threshold(inner, 0.2), Clipped(inner, 0, 1), Normalized(inner)):
        assert pickle.loads(pickle.dumps(reward)) == reward
