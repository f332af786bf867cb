import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.rouge import RougeReward


def judge(reward, completion, *references):
    return reward([""], [completion], [references])[0]


def test_by_hand():
    # the cat sat | the cat lay down: R-1 2 of 3 and of 4 = 4/7, R-2 1 of 2 and of 3
    # = 2/5, R-L as R-1.
    found = judge(RougeReward(2, 1, 3), "the cat sat", "the cat lay down")
    assert found == pytest.approx((2 * 4 / 7 + 2 / 5 + 3 * 4 / 7) / 6)
    only = judge(RougeReward(0, 5, 0), "the cat sat", "the cat lay down")
    assert only == pytest.approx(2 / 5)


def test_summary_level_by_sentences():
    # Lin 2004, section 3.2: the union of w1 w2 and w1 w3 w5 is 4 of 5 words; R-L over
    # the whole text finds w1 w2 alone or w1 w3 w5
    text, reference = "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5"
    lsum = judge(RougeReward(0, 0, 0, rougeLsum=1), text, reference)
    assert lsum == pytest.approx(2 * 4 / 15)
    both = judge(RougeReward(1, 0, 0, rougeLsum=3), text, reference)
    one = judge(RougeReward(1, 0, 0), text, reference)
    assert both == pytest.approx((one + 3 * lsum) / 4)


def test_texts_without_lines_are_split():
    reward = RougeReward(0, 0, 0, rougeLsum=1)
    found = judge(reward, "We left. It rained.", "It rained. We left.")
    assert found == pytest.approx(1.0)  # as ROUGE-L it would be 1/2
    assert judge(reward, "We left.\nIt rained.", "It rained.\nWe left.") == found


def test_recall_pays_for_copying_and_precision_for_little():
    source, reference = "one two three four five six", "two three"
    recall, precision = (
        RougeReward(1, 0, 0, measure=measure) for measure in ("recall", "precision")
    )
    assert judge(recall, source, reference) == 1.0
    assert judge(precision, source, reference) == pytest.approx(2 / 6)
    assert judge(precision, "two", reference) == 1.0
    assert judge(recall, "two", reference) == 0.5


def test_range_and_edges():
    reward = RougeReward()
    assert judge(reward, "It rained.", "it rained") == pytest.approx(1.0)
    assert judge(reward, "snow", "it rained") == 0.0
    assert judge(reward, "", "it rained") == 0.0
    assert judge(reward, "...", "it rained") == 0.0


def test_best_reference_counts_and_none_without_any():
    reward = RougeReward(1, 0, 0)
    found = reward([""] * 3, ["a b", "a b", "a b"], [["x", "a b"], [], ["a c"]])
    assert found == [pytest.approx(1.0), None, pytest.approx(0.5)]
    assert reward([""], ["a"], [[]]) == [None]
    assert reward([], [], []) == []


def test_copying_the_source_does_not_pay():
    source = "one two three four five six seven eight nine ten"
    reward = RougeReward()
    assert judge(reward, source, "two three") < judge(reward, "two three", "two three")


def test_chinese_needs_its_words():
    assert judge(RougeReward(words="cjk"), "今天", "今天") == pytest.approx(1.0)
    assert judge(RougeReward(), "今天", "今天") == 0.0


@pytest.mark.parametrize("weights", [(0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1)])
def test_weights_are_checked(weights):
    with pytest.raises(ConfigError, match="one of them > 0. Received: {'rouge1'"):
        RougeReward(*weights)


def test_measure_is_checked():
    with pytest.raises(ConfigError, match="measure must be one of f1.*'f2'"):
        RougeReward(measure="f2")


def test_pickles():
    reward = RougeReward(1, 2, 3, rougeLsum=4, measure="recall")
    assert pickle.loads(pickle.dumps(reward)) == reward
