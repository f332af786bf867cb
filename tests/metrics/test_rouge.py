"""ROUGE equals the rouge-score package, on tables, random texts and Chinese."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.rouge import KINDS, rouge, sentence_lines, signature
from nutgraf.text.words import split_words

ORACLE = RougeScorer(list(KINDS), use_stemmer=True)

WORDS = st.sampled_from("the cat cats ran running on . , mat a B2 été 猫".split())
LINE = st.lists(WORDS, max_size=12).map(" ".join)
TEXT = st.lists(LINE, max_size=5).map("\n".join)


def check_against_package(prediction, references):
    expected = ORACLE.score_multi(references, prediction)
    found = rouge([prediction], [references])
    for kind in KINDS:
        assert found[kind].shape == (1,) and found[kind].dtype == np.float64
        assert found[kind][0] == pytest.approx(
            100 * expected[kind].fmeasure, abs=1e-9
        ), kind


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("", ""),
        ("", "the cat"),
        ("the cat", ""),
        ("the", "the"),
        ("the", "cat"),
        ("the cat", "the cat"),
        ("...", "the cat"),
        ("\n\n", "the\n\ncat"),
        ("the cat sat\nthe cat sat\nthe cat sat", "the cat sat"),
        ("the cat sat", "the cat sat\nthe cat sat\nthe cat sat"),
        ("w1 w2 w3 w4 w5", "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"),
        ("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5"),
        ("Running runners ran", "the RUN of a runner"),
        (" \n the cat \n ", "cat the\nthe"),
        ("x " * 100 + "y", "y " * 90 + "x x"),
    ],
)
def test_edge_cases_equal_the_package(prediction, reference):
    check_against_package(prediction, [reference])


@given(TEXT, st.lists(TEXT, min_size=1, max_size=3))
@settings(max_examples=500, deadline=None)
def test_random_texts_equal_the_package(prediction, references):
    check_against_package(prediction, references)


@given(TEXT, TEXT)
@settings(max_examples=100, deadline=None)
def test_precision_and_recall_equal_the_package(prediction, reference):
    expected = ORACLE.score(reference, prediction)
    for measure in ("precision", "recall"):
        found = rouge([prediction], [[reference]], measure=measure)
        for kind in KINDS:
            wanted = 100 * getattr(expected[kind], measure)
            assert found[kind][0] == pytest.approx(wanted, abs=1e-9), (kind, measure)


def test_long_random_texts_equal_the_package():
    random = np.random.default_rng(0)

    def text():
        words = [f"w{n}" for n in random.integers(0, 30, 120)]
        cuts = np.sort(random.integers(0, 120, 4))
        return "\n".join(" ".join(part) for part in np.split(words, cuts))

    for _ in range(20):
        check_against_package(text(), [text(), text()])


def test_literal_values():
    # 3 of 3 predicted and 3 of 4 wanted words: 2 * 3 / 7; bigrams 2 of 2 and 2 of 3.
    found = rouge(["a b c", "x"], [["a b c d"], ["y", "x"]])
    np.testing.assert_allclose(found["rouge1"], [600 / 7, 100])
    np.testing.assert_allclose(found["rouge2"], [80, 0])
    np.testing.assert_allclose(found["rougeL"], [600 / 7, 100])
    # Lin 2004, section 3.2: the union of w1 w2 and w1 w3 w5 has 4 of 5 words.
    lsum = rouge(["w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"], [["w1 w2 w3 w4 w5"]])["rougeLsum"]
    np.testing.assert_allclose(lsum, [100 * 2 * 4 / 15])


def test_best_reference_is_taken_for_each_kind():
    references = ["a b x y", "c a b d c"]
    each = [rouge(["a b c d"], [[text]]) for text in references]
    both = rouge(["a b c d"], [references])
    for kind in KINDS:
        assert both[kind][0] == max(one[kind][0] for one in each)


def test_chinese_is_scored_by_characters():
    class ByCharacter:
        def tokenize(self, text):
            return split_words(text, "cjk")

    oracle = RougeScorer(list(KINDS), tokenizer=ByCharacter())
    prediction, reference = "今天天气好。\n我用GPT", "今天的天气很好。\n他用GPT模型"
    expected = oracle.score(reference, prediction)
    found = rouge([prediction], [[reference]], words="cjk")
    for kind in KINDS:
        assert found[kind][0] == pytest.approx(100 * expected[kind].fmeasure, abs=1e-9)
        assert found[kind][0] > 30
    assert rouge(["今天"], [["今天"]])["rouge1"][0] == 0


def test_only_the_kinds_asked_for_and_no_rows():
    assert list(rouge(["a"], [["a"]], ("rougeL",))) == ["rougeL"]
    assert rouge([], [])["rouge1"].shape == (0,)


def test_sentence_lines_splits_only_unsplit_texts():
    assert sentence_lines("One. Two.") == "One.\nTwo."
    assert sentence_lines("One. Two.\nThree") == "One. Two.\nThree"
    assert sentence_lines("One. Two.\n") == "One.\nTwo."
    assert sentence_lines("") == ""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["a"], [["a"]], ("rouge3",)), ConfigError, "rouge3"),
        ((["a"], [["a"]], ("rouge1",), "zh"), ConfigError, "zh"),
        ((["a"], [["a"]], KINDS, "cjk", "f2"), ConfigError, "measure.*'f2'"),
        ((["a"], []), DataError, "1 predictions, 0 lists"),
        ((["a"], [[]]), DataError, "in row 0"),
        ((["a", "b"], [["a"], "b"]), DataError, "'b' in row 1"),
    ],
)
def test_mistakes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        rouge(*arguments)


def test_each_measure_takes_its_own_best_reference():
    references = ["a b c d e f", "a x"]
    recall, precision = (
        rouge(["a b"], [references], ("rouge1",), measure=measure)["rouge1"][0]
        for measure in ("recall", "precision")
    )
    assert (recall, precision) == (50.0, 100.0)  # 1 of 2 words; 2 of 2


def test_signature_names_words_and_measure():
    assert "|words:cjk|" in signature("cjk") and "|stem:yes|" in signature()
    assert signature(measure="recall").startswith("ROUGE|recall|")
