"""Answers are scored as SQuAD's script scores them."""

import pytest

from nutgraf.data.files import read_rows
from nutgraf.data.questions import ask, split_asked
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


# torchmetrics 1.9.0, functional.text.squad (float32) of three made-up systems on
# squad_sample.valid: pip install torchmetrics==1.9.0; squad(texts, references)
SYSTEMS = {
    "nearest sentence": (0.23255814611911774, 17.277267456054688),
    "first five words": (0.23255814611911774, 5.557411193847656),
    "whole, first word, articles": (46.511627197265625, 56.07710266113281),
}


def written(name, number, row):
    if name == "nearest sentence":
        return nearest_sentence(row.document)
    if name == "first five words":
        return " ".join(split_asked(row.document).context.split()[:5])
    whole = row.references[0]
    return (f"The {whole}!", whole.split()[0], "the a")[number % 3]


@pytest.mark.data
@pytest.mark.parametrize("name", SYSTEMS)
def test_real_rows_equal_torchmetrics(shared_data, name):
    path = shared_data / "squad_sample.valid.jsonl.gz"
    rows = list(read_rows(path, "context", "answers", question_field="question"))
    texts = [written(name, number, row) for number, row in enumerate(rows)]
    found = score_texts(rows, texts, task=ANSWER).means()
    assert (found["exact_match"], found["token_f1"]) == pytest.approx(
        SYSTEMS[name], rel=1e-5
    )


@pytest.mark.data
def test_chinese_rows_are_read_and_empty_questions_told(shared_data, recwarn):
    path = shared_data / "cmrc2018.trial.jsonl.gz"
    fields = {"source_field": "context", "target_field": "answers"}
    rows = list(read_rows(path, **fields, question_field="question", bad_rows="skip"))
    assert len(rows) == 1000 and "`question` is empty" in str(recwarn[0].message)
    texts = [row.references[0] for row in rows]
    found = score_texts(rows, texts, "cjk", task=ANSWER).means()
    assert found["exact_match"] == found["token_f1"] == 100
