"""Answers are scored as SQuAD's script scores them."""

import pytest

from nutgraf.data.questions import ask
from nutgraf.data.rows import Row
from nutgraf.evaluation.score import score_texts
from nutgraf.tasks.answer import ANSWER, nearest_sentence

CONTEXT = "It rained. The cat sat on a mat. Nobody knew why."
ROWS = [
    Row("1", ask("Who sat on a mat?", CONTEXT), ("the cat", "a cat on a mat")),
    Row("2", ask("What did it do?", CONTEXT), ("rained",)),
    Row("3", ask("Who knew why?", CONTEXT), ("Nobody",)),
]
TEXTS = ["Cat!", "it rained", "somebody"]


def test_the_literal_of_the_script():
    # evaluate-v2.0.py of SQuAD on these rows: exact 33.333, f1 (1 + 2/3 + 0) / 3
    found = score_texts(ROWS, TEXTS, task=ANSWER).means()
    assert found["exact_match"] == pytest.approx(100 / 3)
    assert found["token_f1"] == pytest.approx(100 * (1 + 2 / 3) / 3)


def test_chinese_answers_are_compared_by_characters():
    rows = [Row("1", ask("谁？", "曹雪芹写了《红楼梦》。"), ("曹雪芹",))]
    found = score_texts(rows, ["《曹雪》"], "cjk", task=ANSWER)
    assert found.means()["token_f1"] == pytest.approx(80)
    assert "norm:mlqa|words:cjk" in found.signature


def test_the_baseline_is_the_sentence_that_is_asked_about():
    found = ANSWER.baselines(ROWS, "english")["nearest sentence"]
    assert found[0] == "The cat sat on a mat."
    assert found[2] == "Nobody knew why."
    document = ask("谁写了《红楼梦》？", "今天下雨。曹雪芹写了《红楼梦》。")
    assert nearest_sentence(document, "cjk") == "曹雪芹写了《红楼梦》。"
    assert nearest_sentence(ask("Who?", "")) == ""
