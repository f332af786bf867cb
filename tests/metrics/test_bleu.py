"""BLEU equals sacrebleu, for each sentence and for any choice of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.bleu import bleu, corpus_score, tokenize_for

WORDS = st.sampled_from("the cat sat on mats , . It's 3.5 % été 猫 $ & (a)".split())
TEXT = st.lists(WORDS, max_size=15).map(" ".join)

HYPOTHESES = ["The dog bit the man.", "It wasn't surprising.", "The man had just."]
REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]


def test_literal_counts_and_scores():
    # the cat sat on a mat | the cat sat on the mat: 5/6, 3/5, 2/4, 1/3
    found = bleu(["the cat sat on a mat"], [["the cat sat on the mat"]])
    assert found.rows.tolist() == [[6, 6, 5, 3, 2, 1, 6, 5, 4, 3]]
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert found.score == pytest.approx(expected)
    assert found.sentences.tolist() == [pytest.approx(expected)]
    # brevity: 3 of 4 words, all n-grams right, no 4-gram: exp(1 - 4/3)
    short = bleu(["a b c"], [["a b c d"]])
    assert short.sentences[0] == pytest.approx(100 * np.exp(-1 / 3))
    assert short.score == 0  # a corpus has all four orders


def test_smoothing_by_hand():
    # 1 of 3 words; no pair (2 tried), no triple (1): 1/(2*2), 1/(4*1); no 4-gram
    found = bleu(["a x y"], [["a b c"]])
    assert found.sentences[0] == pytest.approx(100 * (1 / 3 * 1 / 4 * 1 / 4) ** (1 / 3))


def test_a_corpus_equals_sacrebleu():
    streams = list(zip(*REFERENCES, strict=True))
    oracle = BLEU()
    expected = oracle.corpus_score(HYPOTHESES, streams)
    found = bleu(HYPOTHESES, REFERENCES)
    assert found.score == pytest.approx(expected.score, abs=1e-12)
    assert found.signature == f"BLEU|{oracle.get_signature().format()}"
    assert "nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp" in found.signature


@given(
    st.lists(
        st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=3)), min_size=1, max_size=5
    )
)
@settings(max_examples=100, deadline=None)
def test_random_texts_equal_sacrebleu(rows):
    texts = [text for text, _ in rows]
    references = [row for _, row in rows]
    found = bleu(texts, references)
    oracle = BLEU(effective_order=True)
    for number, (text, row) in enumerate(rows):
        expected = oracle.sentence_score(text, row).score
        assert found.sentences[number] == pytest.approx(expected, abs=1e-12)
    longest = max(map(len, references))
    padded = [row + [None] * (longest - len(row)) for row in references]
    expected = BLEU(force=True).corpus_score(texts, list(zip(*padded, strict=True)))
    assert found.score == pytest.approx(expected.score, abs=1e-12)


def test_rows_add_up_for_any_choice():
    found = bleu(HYPOTHESES, REFERENCES)
    chosen = [2, 0, 0]
    again = bleu([HYPOTHESES[n] for n in chosen], [REFERENCES[n] for n in chosen])
    assert corpus_score(found.rows[chosen]) == again.score
    assert found.rows.dtype == np.int64


def test_chinese_needs_its_tokenizer():
    text, reference = ["今天天气很好。"], [["今天天气好。"]]
    assert tokenize_for("english") == "13a"
    zh = bleu(text, reference, tokenize_for("cjk"))
    oracle = BLEU(tokenize="zh")
    streams = [[reference[0][0]]]
    assert zh.score == pytest.approx(oracle.corpus_score(text, streams).score)
    assert zh.score > 30 and bleu(text, reference).score == 0
    assert "tok:zh" in zh.signature


def test_edges():
    assert bleu(["", "a"], [["a"], [""]]).sentences.tolist() == [0, 0]
    none = bleu([], [])
    assert none.rows.shape == (0, 10) and none.score == 0
    assert "nrefs:var" in bleu(["a", "b"], [["a"], ["b", "c"]]).signature


def test_a_tokenised_corpus_is_scored_silently(caplog):
    bleu(["it rained ."] * 120, [["it rained ."]] * 120)
    assert not caplog.records


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="tokenize must be one of 13a.*'mecab'"):
        bleu(["a"], [["a"]], "mecab")
    with pytest.raises(DataError, match="1 predictions, 0 lists"):
        bleu(["a"], [])
