"""Words of the metrics: equal to rouge-score's tokenizer, and CJK by characters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.tokenize import tokenize

from nutgraf.errors import ConfigError
from nutgraf.text.words import contains_cjk, split_words, word_kind

STEMMER = PorterStemmer()
ENGLISH = st.text(st.sampled_from("abcdeginorsty ABK019.,'-_\n\u0130\u212aé猫"))


@given(st.one_of(st.text(st.characters(exclude_categories=["Cs"])), ENGLISH))
@settings(max_examples=300, deadline=None)
def test_english_equals_rouge_score(text):
    assert split_words(text) == tokenize(text, STEMMER)
    assert split_words(text, stem=False) == tokenize(text, None)


def test_only_words_longer_than_three_characters_are_stemmed():
    assert split_words("ties tied ties' was") == ["tie", "tie", "tie", "was"]
    assert split_words("Ties", stem=False) == ["ties"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天 cats，好。", ["今", "天", "cat", "好"]),
        ("カタカナとひらがな", list("カタカナとひらがな")),
        ("한국 cats", ["한", "국", "cat"]),
        ("𠀀々", ["𠀀", "々"]),
        ("。！？，、「」", []),
    ],
)
def test_cjk_characters_are_words(text, expected):
    assert split_words(text, "cjk") == expected


@given(st.text(st.characters(max_codepoint=0x2000)))
@settings(max_examples=50, deadline=None)
def test_without_cjk_characters_both_kinds_agree(text):
    assert split_words(text, "cjk") == split_words(text, "english")


def test_cjk_is_detected():
    assert contains_cjk("a猫") and contains_cjk("ひ") and contains_cjk("한")
    assert not contains_cjk("naïve «Ω» 。！")
    assert word_kind(["猫", "a"]) == "cjk"
    assert word_kind(["猫", "a", "b"]) == "english"
    assert word_kind([]) == "english"


def test_unknown_kind_is_named():
    with pytest.raises(ConfigError, match="'chinese'"):
        split_words("a", "chinese")  # type: ignore[arg-type]
