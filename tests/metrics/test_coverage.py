import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.coverage import content_words, coverage

DOCUMENT = (
    "The parser reads files. A file is read line by line, and each line is parsed."
)


def test_content_words_are_long_stems_without_function_words():
    assert content_words("They have been READING about cats") == ["read", "cat"]
    assert content_words("a an it is") == []
    # the length is that of the word: "used" and "does" are on the list, "uses" is not
    assert content_words("used uses does") == ["use"]


def test_chinese_content_is_pairs_of_characters():
    assert content_words("天气不好 和 GPT模型2024", "cjk") == ["2024", "天气", "模型"]
    # pairs do not reach over punctuation or Latin letters
    assert content_words("今天，天气", "cjk") == ["今天", "天气"]


@pytest.mark.parametrize(
    ("text", "top", "expected"),
    [
        # line 3 times; read, file twice; parser, pars once. Earlier ones come first.
        ("", 2, 0),
        ("files are read", 2, 50),  # of line, read
        ("files are read", 3, 200 / 3),
        ("files are read", 4, 50),  # parser is the fourth
        ("a parser reads the lines of a file", 4, 100),
        ("a parser reads the lines of a file", 9, 80),  # there are five in all
        ("line line line", 4, 25),
        ("unrelated words", 4, 0),
    ],
)
def test_by_hand(text, top, expected):
    np.testing.assert_allclose(coverage([text], [DOCUMENT], top), [expected])


def test_a_long_text_covers_more_than_a_short_one():
    short, long = coverage(["reads files", DOCUMENT], [DOCUMENT] * 2)
    assert 0 < short < long == 100


def test_no_content_is_no_number():
    assert np.isnan(coverage(["a"], ["is it?"])).tolist() == [True]


def test_chinese():
    found = coverage(["今天下雨"], ["今天天气好，今天下雨"], 1, "cjk")
    assert found.tolist() == [100.0]


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="top=0"):
        coverage(["a"], ["b"], 0)
    with pytest.raises(ConfigError, match="'zh'"):
        content_words("a", "zh")
    with pytest.raises(DataError, match="1 predictions, 0 documents"):
        coverage(["a"], [])
