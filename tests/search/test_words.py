import pytest

from nutgraf.errors import ConfigError
from nutgraf.search.words import search_words


def test_english_words_are_stemmed_others_are_not():
    assert search_words("Wings' LIFT, 2-dimensional") == [
        "wing",
        "lift",
        "2",
        "dimension",
    ]
    assert search_words("Flügel fliegen") == ["flügel", "fliegen"]
    assert search_words("flying wings", "none") == ["flying", "wings"]


def test_chinese_gives_characters_and_pairs():
    assert search_words("翼型升力") == [*"翼型升力", "翼型", "型升", "升力"]
    assert search_words("用GPT翻译") == ["用", "gpt", "翻", "译", "翻译"]
    assert search_words("ＭＡＣＨ") == ["mach"]  # full-width letters


def test_nothing_has_no_words():
    assert search_words("") == search_words(" .,!？ ") == []


def test_an_unknown_stemming_is_told():
    with pytest.raises(ConfigError, match='stem must be "english" or "none"'):
        search_words("a", "german")
