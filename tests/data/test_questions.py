import pytest
from hypothesis import given
from hypothesis import strategies as st

from nutgraf.data.questions import ask, split_asked


@given(st.text(), st.text())
def test_what_was_put_together_comes_apart(question, context):
    found = split_asked(ask(question, context))
    assert found == (" ".join(question.split()), context)


@pytest.mark.parametrize("question", ["Who\nsat?", "谁坐着？"])
def test_the_line_break_survives_the_tokenizer(question, tokenizer):
    document = ask(question, "A cat.\nIt slept.")
    assert tokenizer.decode(tokenizer.encode(document)) == document
    assert split_asked(document).context == "A cat.\nIt slept."


def test_a_text_without_a_question_has_an_empty_context():
    assert split_asked("Who sat?") == ("Who sat?", "")
