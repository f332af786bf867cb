import pickle

import pytest
from sacrebleu.metrics import BLEU, CHRF

from nutgraf.errors import ConfigError
from nutgraf.rewards.translation import BleuReward, ChrfReward

TEXTS = ["the cat sat on a mat", "a", "", "now"]
REFERENCES = [["the cat sat on the mat", "a cat sat"], ["a b c d"], ["a"], []]


def test_bleu_equals_sacrebleu():
    oracle = BLEU(effective_order=True)
    found = BleuReward()([""] * 4, TEXTS, REFERENCES)
    expected = [
        oracle.sentence_score(text, row).score / 100
        for text, row in zip(TEXTS[:3], REFERENCES, strict=False)
    ]
    assert found == [*map(pytest.approx, expected), None]
    assert 0 < found[0] < 1 and found[2] == 0


@pytest.mark.parametrize("word_order", [0, 2])
def test_chrf_equals_sacrebleu(word_order):
    oracle = CHRF(word_order=word_order)
    found = ChrfReward(word_order)([""] * 4, TEXTS, REFERENCES)
    expected = [
        oracle.sentence_score(text, row).score / 100
        for text, row in zip(TEXTS[:3], REFERENCES, strict=False)
    ]
    assert found == [*map(pytest.approx, expected), None]


def test_range():
    for reward in (BleuReward(), ChrfReward(), ChrfReward(2)):
        found = reward([""] * 2, ["It rained.", "snow"], [["It rained."]] * 2)
        assert found[0] == pytest.approx(1.0) and 0 <= found[1] < 0.2
        assert reward([], [], []) == []


def test_words_choose_the_tokenizer():
    given = ([""], ["今天天气很好"], [["今天天气好"]])
    (chinese,), (spaces,) = BleuReward("cjk")(*given), BleuReward()(*given)
    assert chinese > 0.4 and spaces == 0
    oracle = BLEU(tokenize="char", effective_order=True)
    found = BleuReward("cjk", "char")([""], ["ひと は"], [["ひと が"]])
    assert found == [
        pytest.approx(oracle.sentence_score("ひと は", ["ひと が"]).score / 100)
    ]


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="tokenize must be one of 13a.*'ja'"):
        BleuReward(tokenize="ja")
    with pytest.raises(ConfigError, match="Received: word_order=1"):
        ChrfReward(1)


def test_pickles():
    for reward in (BleuReward("cjk"), ChrfReward(2)):
        assert pickle.loads(pickle.dumps(reward)) == reward
