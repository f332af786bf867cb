import numpy as np
import pytest

from nutgraf.backend import assign, to_numpy
from nutgraf.errors import ConfigError, DataError
from nutgraf.evaluation.extract import Extractor, span_log_probs
from tests.models.span_toys import question, toy_codec, toy_questions, toy_span_policy

LONG = (
    "the red house reads a blue river and the old data takes the houses and it reads "
    "a new file and houses it where the river reads data"
)


@pytest.fixture(scope="module")
def policy():
    return toy_span_policy()


def with_bias(policy, word, sure=30.0):
    """A policy whose answer is a word, wherever it reads it."""
    model = policy.model
    values = to_numpy([variable.value for variable in policy.variables])
    values = [0.0 * value for value in values]
    kernel = next(n for n, v in enumerate(policy.variables) if v.shape[-1:] == (2,))
    table = model.bert.word_embedding.embeddings
    place = next(n for n, v in enumerate(policy.variables) if v is table)
    gamma = model.bert.embedding_norm.gamma
    for number, variable in enumerate(policy.variables):
        if variable.path.endswith("gamma") or variable is gamma:
            values[number] = values[number] + 1.0
    for token in policy.codec.tokenizer.encode(word):
        values[place][token, 0] = 1.0
    values[kernel][0, :] = sure
    assign(policy.variables, values)
    return policy


def test_the_best_answers_come_first_and_are_parts_of_the_text(policy):
    rows = toy_questions()
    found = Extractor(policy).find(rows, 3)
    for row, answers in zip(rows, found, strict=True):
        text = row.document.split("\n", 1)[1]
        assert len({(one.start, one.end) for one in answers}) == 3
        assert all(text[one.start : one.end] == one.text for one in answers)
        scores = [one.score for one in answers]
        assert scores == sorted(scores, reverse=True) and sum(scores) <= 1.0
    texts = Extractor(policy, rows=2)(rows)
    assert texts == [answers[0].text for answers in found]  # another batch size


def test_it_is_the_best_of_all_spans(policy):
    row = toy_questions()[0]
    batch = policy.codec.batch([row])
    memory = policy.encode(batch)
    start, end = (to_numpy(memory[name])[0] for name in ("start", "end"))
    found, _ = span_log_probs(start, end, policy.codec.max_answer)
    (answer,) = Extractor(policy).find([row])[0]
    assert answer.score == pytest.approx(np.exp(found.max()), rel=1e-5)


def test_an_answer_that_only_a_later_window_holds_has_its_place_in_the_whole_text():
    policy = with_bias(toy_span_policy(), "file")
    row = question("1", "what is it", LONG, "file")
    assert len(policy.codec.windows_of(row)) > 1
    (answer,) = Extractor(policy).find([row])[0]
    assert answer.text == "file" and LONG[answer.start : answer.end] == "file"
    chinese = with_bias(toy_span_policy(toy_codec(16, 4)), "猫")
    text = "红色的房子在河边。" * 3 + "老猫住在那里。"
    (answer,) = Extractor(chinese).find([question("2", "谁？", text)])[0]
    assert answer.text == "猫" and answer.start == text.index("猫")


def test_no_answer_is_an_answer_where_it_is_asked_for():
    policy = with_bias(toy_span_policy(), "file")
    rows = [question("1", "what", "the new file"), question("2", "what", "the houses")]
    assert Extractor(policy)(rows) == ["file", "houses"]
    sure = Extractor(policy, no_answer=True, threshold=1.0)
    assert sure(rows) == ["file", ""]  # all pieces and none are alike in the second
    first, second = sure.find(rows, 2)
    assert second[0] == ("", -1, -1, second[0].score) and second[1].text
    assert [one.text for one in first][0] == "file" and "" not in [
        a.text for a in first
    ]
    assert Extractor(policy, True, -100.0)(rows)[1] != ""
    with pytest.raises(ConfigError, match="without it. Add --no_answer"):
        Extractor(policy, threshold=1.0)


def test_texts_without_a_word_and_questions_without_room(policy):
    nothing = question("1", "who reads", "\u200b")
    (answer,) = Extractor(policy).find([nothing])[0]
    assert answer[:3] == ("", -1, -1)
    with pytest.raises(DataError, match="Shorten it"):
        Extractor(policy)([question("2", "who reads what " * 9, LONG)])


def test_other_weights_give_other_answers(policy):
    rows = toy_questions()
    other = [to_numpy(v.value) for v in toy_span_policy(seed=3).variables]
    found = Extractor(policy)
    assert found(rows, other) == Extractor(toy_span_policy(seed=3))(rows)
    assert found(rows, other) != found(rows)
