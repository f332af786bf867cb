"""chrF and chrF++ equal sacrebleu, for each sentence and for any choice of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.chrf import Chrf, chrf

WORDS = st.sampled_from("the cat cats sat on mats , . It's (été) 猫 天气 !".split())
TEXT = st.lists(WORDS, max_size=12).map(" ".join)


def test_by_hand():
    # the cats | the cat: 7 letters; n-grams of 1-6: 6/7 5/6 4/5 3/4 2/3 1/2, all
    # n-grams of the shorter one are there: recall 1
    found = chrf(["the cats"], [["the cat"]])
    assert found.rows[0].tolist() == [
        7,
        6,
        6,
        6,
        5,
        5,
        5,
        4,
        4,
        4,
        3,
        3,
        3,
        2,
        2,
        2,
        1,
        1,
    ]
    precision = np.mean([6 / 7, 5 / 6, 4 / 5, 3 / 4, 2 / 3, 1 / 2])
    expected = 100 * 5 * precision / (4 * precision + 1)
    assert found.score == pytest.approx(expected)
    assert found.sentences[0] == pytest.approx(expected)


@pytest.mark.parametrize("word_order", [0, 2])
@given(
    rows=st.lists(
        st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), min_size=1, max_size=5
    )
)
@settings(max_examples=60, deadline=None)
def test_random_texts_equal_sacrebleu(word_order, rows):
    texts = [text for text, _ in rows]
    references = [row for _, row in rows]
    found = chrf(texts, references, word_order)
    oracle = CHRF(word_order=word_order)
    for number, (text, row) in enumerate(rows):
        expected = oracle.sentence_score(text, row).score
        assert found.sentences[number] == pytest.approx(expected, abs=1e-12)
    longest = max(map(len, references))
    padded = [row + [None] * (longest - len(row)) for row in references]
    expected = oracle.corpus_score(texts, list(zip(*padded, strict=True)))
    assert found.score == pytest.approx(expected.score, abs=1e-12)
    assert found.signature == f"{expected.name}|{oracle.get_signature().format()}"


def test_rows_add_up_for_any_choice():
    texts, references = ["a cat", "dogs bark"], [["the cat"], ["a dog barks"]]
    found = chrf(texts, references)
    twice = found.rows[[1, 1, 0]]
    chosen = Chrf(twice, found.sentences[[1, 1, 0]], found.signature)
    again = chrf([texts[n] for n in (1, 1, 0)], [references[n] for n in (1, 1, 0)])
    assert chosen.score == again.score
    assert found.rows.shape == (2, 18) and chrf(texts, references, 2).rows.shape == (
        2,
        24,
    )


def test_chinese_needs_no_words():
    assert chrf(["今天天气很好"], [["今天天气好"]]).score > 50


def test_edges():
    assert chrf(["", "a"], [["a"], [""]]).sentences.tolist() == [0, 0]
    assert chrf([], []).score == 0
    assert chrf(["a b"], [["ab"]]).score == 100  # white space does not count


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match=r"0 \(chrF\) or 2.*word_order=1"):
        chrf(["a"], [["a"]], 1)
    with pytest.raises(DataError, match="1 predictions, 0 lists"):
        chrf(["a"], [])
