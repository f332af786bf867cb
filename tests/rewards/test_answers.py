import pickle

import pytest

from nutgraf.rewards.answers import ExactMatchReward, TokenF1Reward


def test_by_hand():
    texts = ["The Army!", "the US army", "navy", ""]
    references = [["navy", "army"], ["army"], [], ["army"]]
    assert ExactMatchReward()([""] * 4, texts, references) == [1.0, 0.0, None, 0.0]
    found = TokenF1Reward()([""] * 4, texts, references)
    assert found == [1.0, pytest.approx(2 / 3), None, 0.0]


def test_chinese_by_characters():
    given = ([""], ["北京市"], [["北京"]])
    assert TokenF1Reward("cjk")(*given) == [pytest.approx(0.8)]
    assert TokenF1Reward()(*given) == [0.0]
    assert ExactMatchReward("cjk")([""], ["《北京》。"], [["北京"]]) == [1.0]


def test_no_texts():
    assert ExactMatchReward()([], [], []) == TokenF1Reward()([], [], []) == []


def test_pickles():
    for reward in (ExactMatchReward("cjk"), TokenF1Reward()):
        assert pickle.loads(pickle.dumps(reward)) == reward
