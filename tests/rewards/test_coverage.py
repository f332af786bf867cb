import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.coverage import CoverageReward

SOURCE = "The parser reads files. A file is read line by line, and each line is parsed."


def test_by_hand():
    # line, read, file, parser, pars
    texts = ["", "It reads lines.", "It parses lines.", SOURCE]
    found = CoverageReward(top=5)([SOURCE] * 4, texts, [[]] * 4)
    assert found == [0.0, pytest.approx(0.4), pytest.approx(0.4), 1.0]


def test_a_list_of_words_gets_it_all():
    found = CoverageReward()([SOURCE], ["line read file parser parse"], [[]])
    assert found == [1.0]


def test_a_source_without_content_does_not_apply():
    assert CoverageReward()(["it is", ""], ["a", "b"], [[]] * 2) == [None, None]


def test_chinese():
    found = CoverageReward(1, "cjk")(
        ["今天天气好，今天下雨"] * 2, ["今天", "下雨"], [[]] * 2
    )
    assert found == [1.0, 0.0]


def test_top_is_checked():
    with pytest.raises(ConfigError, match="Received: top=0"):
        CoverageReward(0)


def test_pickles():
    reward = CoverageReward(5, "cjk")
    assert pickle.loads(pickle.dumps(reward)) == reward
