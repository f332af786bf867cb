import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.repetition import RepetitionPenalty


def judge(text, sizes=(1, 2, 3), words="english"):
    return RepetitionPenalty(sizes, words)([""], [text], [[]])[0]


@pytest.mark.parametrize(
    ("text", "sizes", "expected"),
    [
        ("", (1, 2, 3), 0),
        ("one", (1, 2, 3), 0),
        ("alpha beta gamma", (1, 2, 3), 0),
        ("the end of the day of the dog", (1,), 0),  # only short words recur
        ("value of value, VALUE", (1,), -2 / 3),
        ("a b a b", (2,), -1 / 3),  # ab ba ab
        ("a b c a b c", (3,), -1 / 4),  # abc bca cab abc
        # content: model twice in 3 (model, model, good); pairs: a-model twice in 5;
        # triples: none in 4
        ("a model a model is good", (1, 2, 3), -(1 / 3 + 1 / 5) / 3),
    ],
)
def test_by_hand(text, sizes, expected):
    assert judge(text, sizes) == pytest.approx(expected)


def test_saying_it_twice_is_worse_than_once():
    once = "The reader parses a file and returns all of its rows"
    assert judge(once) == 0.0
    assert judge(f"{once}. {once}") < -0.4
    assert judge("word " * 50) == pytest.approx(-(49 / 50 + 48 / 49 + 47 / 48) / 3)


def test_single_ideographs_may_recur_but_phrases_not():
    assert judge("今天天气", (1,), "cjk") == 0.0
    assert judge("天气好天气好", (2,), "cjk") == pytest.approx(-2 / 5)


def test_zero_is_not_negative():
    assert str(judge("alpha beta")) == "0.0"


@pytest.mark.parametrize("sizes", [(), (0,), (2, -1)])
def test_sizes_are_checked(sizes):
    with pytest.raises(ConfigError, match="n-gram sizes >= 1. Received: sizes="):
        RepetitionPenalty(sizes)


def test_pickles():
    reward = RepetitionPenalty((2,))
    assert pickle.loads(pickle.dumps(reward)) == reward
