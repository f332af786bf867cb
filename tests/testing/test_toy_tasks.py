import pytest

from nutgraf.testing.toy_tasks import (
    RARE,
    date_rows,
    digit_rows,
    order_reward,
    rare_reward,
    rare_rows,
    task_tokenizer,
)


@pytest.mark.parametrize("make", [date_rows, digit_rows, rare_rows])
def test_rows_repeat_and_differ_by_seed(make):
    assert make(5) == make(5) != make(5, seed=1)
    assert len({row.id for row in make(5)}) == 5


def test_each_document_has_one_rare_word():
    for row in rare_rows(20, length=5):
        words = row.document.split()
        assert len(words) == 5
        assert [word for word in words if word in RARE] == list(row.references)


def test_digits_are_ordered_and_each_occurs_once():
    for row in digit_rows(20, length=3):
        digits = [int(digit) for digit in row.references[0].split()]
        assert sorted({int(digit) for digit in row.document.split()}) == digits
        assert len(digits) == 3


def test_a_date_is_its_month_and_its_day_in_either_order():
    for row in date_rows(20):
        month, day = row.references[0].split()
        assert row.document in (f"{day} of {month}", f"{month} the {day}")
    assert {row.document.split()[1] for row in date_rows(20)} == {"of", "the"}


def test_the_answers_earn_all_and_nothing_earns_nothing():
    rewards = {
        digit_rows: order_reward,
        date_rows: order_reward,
        rare_rows: rare_reward,
    }
    for make, reward in rewards.items():
        rows = make(9)
        references = [row.references for row in rows]
        documents = [row.document for row in rows]
        answers = [row.references[0] for row in rows]
        assert reward(documents, answers, references, rows) == [1.0] * 9
        assert reward(documents, [""] * 9, references) == [0.0] * 9
        assert sum(reward(documents, documents, references)) < 4.5


def test_each_digit_is_one_piece():
    assert len(task_tokenizer().encode("7 2 9")) == 3
