import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.language import LanguageReward


def test_the_source_instead_of_the_translation_does_not_pay():
    source, right = "The dog is in the park.", "Der Hund sitzt im Park."
    assert LanguageReward("de")([source] * 2, [source, right], [[]] * 2) == [0.0, 1.0]


def test_by_hand():
    texts = ["", "公园里的狗", "dog 公园里的狗", "12"]
    found = LanguageReward("zh")([""] * 4, texts, [[]] * 4)
    assert found == [0.0, 1.0, pytest.approx(5 / 8), 0.0]


def test_the_language_is_checked():
    with pytest.raises(ConfigError, match="Received: 'english'.*docs/rewards.md"):
        LanguageReward("english")


def test_pickles():
    assert pickle.loads(pickle.dumps(LanguageReward("fr"))) == LanguageReward("fr")
