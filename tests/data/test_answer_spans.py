import pytest

from nutgraf.data.answer_spans import asked_of, located, located_rows
from nutgraf.data.files import read_rows
from nutgraf.data.questions import ask
from nutgraf.data.rows import Row
from nutgraf.errors import DataError

TEXT = "A cat sat. The cat slept."


def row(*answers, starts=(), number=1, text=TEXT):
    return Row(str(number), ask("Who?", text), answers, f"a.jsonl:{number}", starts)


def test_a_right_start_counts_and_a_wrong_one_is_searched():
    assert located(row("cat", starts=(15,))) == (row("cat", starts=(15,)), False)
    assert located(row("cat", starts=(14,))) == (row("cat", starts=(2,)), True)
    assert located(row("cat")) == (row("cat", starts=(2,)), True)
    assert located(row("猫", text="老猫。", starts=(1,)))[0].starts == (1,)


def test_the_answer_that_is_there_comes_first():
    found, searched = located(row("dog", "The cat", "cat", starts=(0, 11, -1)))
    assert found.references == ("The cat", "dog", "cat")
    assert found.starts == (11,) and not searched


def test_no_answer_and_none_that_is_there():
    assert located(row(""))[0] == row("")
    assert located(row("dog", "Cat")) is None
    assert asked_of("one line") == ("", "one line")


def test_rows_without_their_answer_are_named_or_left_out():
    rows = [row("cat", starts=(2,)), row("dog", number=2), row("sat", number=3)]
    with pytest.raises(DataError) as caught:
        list(located_rows(rows))
    assert "a.jsonl:2: the answer 'dog' is not in the text" in str(caught.value)
    assert 'data.bad_rows to "skip"' in str(caught.value)
    lines = []
    found = list(located_rows(rows, "skip", lines.append))
    assert [one.id for one in found] == ["1", "3"]
    assert lines[0].startswith("left out 1 bad row") and len(lines) == 2
    assert lines[1].startswith("1 of 2 rows did not say, or said wrongly, where")


def test_each_row_of_cmrc_has_one_of_its_answers_in_its_text(shared_data):
    """193 of its answers are in no text; the rows have others."""
    path = shared_data / "cmrc2018.dev.jsonl.gz"
    rows = list(read_rows(path, "context", "answers", question_field="question"))
    missing = sum(start < 0 for one in rows for start in one.starts)
    found = list(located_rows(rows))
    assert missing > 100 and len(found) == len(rows) == 3219
    for one in found:
        text, (start,) = asked_of(one.document).context, one.starts
        assert text.startswith(one.references[0], start)
