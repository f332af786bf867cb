import pytest

from nutgraf.errors import ConfigError
from nutgraf.search.passages import cut_passages


def test_passages_are_whole_sentences_and_lose_nothing():
    text = "One two three. Four five. Six.\n\nSeven eight nine ten eleven. Twelve."
    found = list(cut_passages(text, 5))
    assert found == [
        "One two three. Four five.",
        "Six.",
        "Seven eight nine ten eleven.",
        "Twelve.",
    ]
    assert " ".join(found).split() == text.split()


def test_a_long_sentence_is_a_passage_of_its_own():
    assert list(cut_passages("a b c d. e.", 2)) == ["a b c d.", "e."]


def test_chinese_counts_two_characters_as_a_word():
    text = "今天天气很好。我们去公园。"
    assert list(cut_passages(text, 3)) == ["今天天气很好。", "我们去公园。"]
    assert list(cut_passages(text, 6)) == ["今天天气很好。我们去公园。"]
    assert list(cut_passages("비가 온다. 춥다.", 9)) == ["비가 온다. 춥다."]


def test_0_does_not_cut_and_blank_has_none():
    assert list(cut_passages(" a. b. ", 0)) == ["a. b."]
    assert list(cut_passages("  \n", 0)) == list(cut_passages(" \n", 3)) == []


def test_a_negative_length_is_told():
    with pytest.raises(ConfigError, match="words must be at least 0"):
        list(cut_passages("a", -1))
