import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.copying import CopiedSharePenalty, NoveltyReward

SOURCE = "a b c d e f g h"


def judge(reward, text, source=SOURCE):
    return reward([source], [text], [[]])[0]


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [("", 2, 0), ("a", 2, 0), ("a b x", 2, 0.5), ("x y z", 2, 1), ("a b x", 1, 1 / 3)],
)
def test_novelty(text, n, expected):
    assert judge(NoveltyReward(n), text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "penalty", "expected"),
    [
        ("", {}, 0),
        ("a b c d e f g", {}, 0),  # seven words are no run of eight
        (SOURCE, {}, -1),
        (SOURCE + " x y", {}, -0.8),
        ("a b c x e f g y", {"n": 3}, -0.75),
        ("a b c x e f g y", {"n": 3, "free": 0.5}, -0.5),
        ("a b c x e f g y", {"n": 3, "free": 0.75}, 0),
        ("a b c x e f g y", {"by": "longest"}, -3 / 8),
        ("a b c x e f g y", {"by": "longest", "free": 0.25}, -1 / 6),
    ],
)
def test_copied(text, penalty, expected):
    assert judge(CopiedSharePenalty(**penalty), text) == pytest.approx(expected)
    assert str(judge(CopiedSharePenalty(**penalty), text)) != "-0.0"


def test_own_words_are_better_than_the_source():
    own = "the letters are listed"
    for reward in (NoveltyReward(), CopiedSharePenalty(4)):
        assert judge(reward, own) > judge(reward, SOURCE)


def test_chinese():
    assert judge(NoveltyReward(2, "cjk"), "今天好", "今天") == 0.5
    assert judge(CopiedSharePenalty(2, words="cjk"), "今天好好", "今天") == -0.5


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"free": 1.0}, {"free": -0.1}, {"by": "all"}]
)
def test_values_are_checked(options):
    with pytest.raises(ConfigError, match="n must be at least 1 word, free in"):
        CopiedSharePenalty(**options)
    with pytest.raises(ConfigError, match="Received: n=0"):
        NoveltyReward(0)


def test_pickles():
    for reward in (NoveltyReward(3), CopiedSharePenalty(free=0.2, by="longest")):
        assert pickle.loads(pickle.dumps(reward)) == reward
