import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.metrics.readability import reading_ease
from nutgraf.rewards.readability import ReadabilityReward


def test_by_hand():
    # 206.835 - 1.015 * 3 - 84.6 * 5 / 3
    found = ReadabilityReward()([""], ["Plain English matters."], [[]])
    assert found == [pytest.approx((206.835 - 3.045 - 141) / 100)]
    half = ReadabilityReward(hard=50, easy=90)([""], ["Plain English matters."], [[]])
    assert half == [pytest.approx((62.79 - 50) / 40)]


def test_both_ends():
    texts = ["", "The cat sat.", "Institutional representatives collaborating."]
    assert reading_ease(texts)[1] > 100 and reading_ease(texts)[2] < 0
    assert ReadabilityReward()([""] * 3, texts, [[]] * 3) == [0.0, 1.0, 0.0]


def test_the_scale_is_checked():
    with pytest.raises(ConfigError, match="easy must be above hard.*easy=1"):
        ReadabilityReward(2, 1)


def test_pickles():
    reward = ReadabilityReward(10, 80)
    assert pickle.loads(pickle.dumps(reward)) == reward
