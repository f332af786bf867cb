"""The scores of extracted answers: those of SQuAD's script, version 1.1."""

import gzip
import json

import pytest

from nutgraf.data.questions import ask
from nutgraf.data.rows import Row
from nutgraf.tasks.answer import ANSWER
from nutgraf.tasks.extract import EXTRACT

# What evaluate() of SQuAD's evaluate-v1.1.py gives for `predictions`: exact match, F1.
SCRIPT = {
    "squad_sample.valid": (26.74418604651163, 51.62192628372143),
    "xquad_en.test": (26.470588235294116, 49.967232496475305),
}


def predictions(records):
    """Spans near the answers: the answer, more than it, a part of it, elsewhere."""
    found = []
    for number, record in enumerate(records):
        answer = record["answers"][0]
        start, end = answer["answer_start"], len(answer["text"])
        end += start
        near = [(start, end), (max(0, start - 12), end + 9), (start + 4, end), (40, 60)]
        first, last = near[number % 4]
        found.append(record["context"][first:last])
    return found


@pytest.mark.parametrize("name", SCRIPT)
def test_scores_are_those_of_the_script(name, shared_data):
    path = shared_data / f"{name}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    rows = [
        Row(r["id"], r["context"], tuple(one["text"] for one in r["answers"]))
        for r in records
    ]
    scored = EXTRACT.score(rows, predictions(records), "english").statistics
    found = [scored[metric].total for metric in ("exact_match", "token_f1")]
    assert found == pytest.approx(SCRIPT[name], rel=1e-9)


def test_rows_and_scores_are_those_of_answers():
    rows = [
        Row("1", ask("谁？", "老猫住在这里。"), ("老猫",)),
        Row("2", ask("什么？", "没有。"), ("",)),
    ]
    for texts, exact in ((["老猫", ""], [100, 100]), (["猫", "没有"], [0, 0])):
        mine, theirs = (task.score(rows, texts, "cjk") for task in (EXTRACT, ANSWER))
        assert mine.signature == theirs.signature
        assert mine.statistics["exact_match"].values.tolist() == exact
    assert EXTRACT.fields == ANSWER.fields and EXTRACT.reward == ("token_f1=1",)
