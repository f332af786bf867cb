"""Exact match and F1: the numbers of SQuAD's script, version 2.0, and of MLQA's."""

import json
from pathlib import Path

import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.answers import answer_words, exact_match, token_f1

FROZEN = Path(__file__).parent / "frozen" / "answers.json"


@pytest.mark.parametrize(("words", "count"), [("english", 54), ("cjk", 49)])
def test_equals_the_scripts(words, count):
    """SQuAD's functions from transformers 4.57.3, MLQA's from lm-eval 0.4.13."""
    read = json.loads(FROZEN.read_text(encoding="utf-8"))
    assert read["command"] == "python tests/oracles/make_answers.py"
    assert read["versions"] == {"transformers": "4.57.3", "lm-eval": "0.4.13"}
    cases = read["cases"][words]
    assert len(cases) == count
    texts, references, exact, f1 = (
        [case[name] for case in cases] for name in ("text", "references", "exact", "f1")
    )
    assert exact_match(texts, references, words).tolist() == exact
    assert token_f1(texts, references, words) == pytest.approx(f1, abs=1e-8)


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
