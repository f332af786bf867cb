"""Exact match and F1: the numbers of SQuAD's script, version 2.0, and of MLQA's."""

import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.answers import answer_words, exact_match, token_f1

# Printed by normalize_answer, compute_exact and compute_f1 of SQuAD's evaluate-v2.0.py.
SQUAD = [
    ("Denver Broncos", ["Denver Broncos", "The Denver Broncos"], 100, 100),
    ("the broncos!", ["Denver Broncos"], 0, 66.666667),
    ("$1,000.50", ["1000.50", "1,000"], 100, 100),
    ("a an the", ["The"], 100, 100),
    ("the", ["cat"], 0, 0),
    ("", ["x"], 0, 0),
    ("  Saint   Bernadette Soubirous ", ["saint bernadette"], 0, 80),
    ("U.S.A.", ["USA"], 100, 100),
    ("it's a dog–cat", ["its dog–cat"], 100, 100),
    ("theatre", ["the atre"], 0, 0),
    ("to be or not to be", ["be not be"], 0, 66.666667),
    ("“quoted”", ["quoted"], 0, 0),  # only ASCII punctuation goes
    ("A-Team", ["ATeam", "team"], 100, 100),
    ("naïve café", ["Naïve CAFÉ"], 100, 100),
]
# Printed by normalize_answer and f1_score of MLQA's script with lang="zh".
MLQA = [
    ("《红楼梦》", ["红楼梦"], 100, 100),
    ("曹雪芹和高鹗", ["曹雪芹", "高鹗"], 0, 66.666667),
    ("1998年5月", ["1998 年 5 月"], 100, 100),
    ("GPT-4 模型", ["gpt4模型"], 100, 100),
    ("北京", ["上海"], 0, 0),
    ("北京 北京", ["北京"], 0, 66.666667),
    ("the 北京", ["北京"], 0, 80),  # no articles in Chinese
]


@pytest.mark.parametrize(("words", "table"), [("english", SQUAD), ("cjk", MLQA)])
def test_equals_the_scripts(words, table):
    texts = [text for text, *_ in table]
    references = [row for _, row, *_ in table]
    exact, f1 = (
        score(texts, references, words).tolist() for score in (exact_match, token_f1)
    )
    assert exact == [wanted for *_, wanted, _ in table]
    assert f1 == [pytest.approx(wanted, abs=1e-6) for *_, wanted in table]


def test_the_best_reference_counts_for_each_score():
    found = token_f1(["a red car"], [["car", "red bus", "red car"]])
    assert found.tolist() == [100.0]
    assert found.dtype == np.float64


def test_kana_and_hangul_are_single_tokens_too():
    assert answer_words("これは、ペンです。", "cjk") == list("これはペンです")
    assert answer_words("서울 대학교", "cjk") == list("서울대학교")


def test_no_rows():
    assert exact_match([], []).shape == token_f1([], []).shape == (0,)


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="Received: 'zh'"):
        exact_match(["a"], [["a"]], "zh")
    with pytest.raises(DataError, match="in row 0"):
        token_f1(["a"], [[]])
