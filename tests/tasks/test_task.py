import pytest

from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.tasks.answer import ANSWER
from nutgraf.tasks.summarize import SUMMARIZE
from nutgraf.tasks.task import style_of
from nutgraf.tasks.translate import TRANSLATE


def names(data):
    return data.source_field, data.target_field, data.question_field


def test_a_task_names_the_fields_that_are_not_named():
    files = DataSettings("files", train="a.jsonl")
    assert names(SUMMARIZE.data(files)) == ("document", "summary", "")
    assert names(TRANSLATE.data(files)) == ("source", "target", "")
    assert names(ANSWER.data(files)) == ("context", "answers", "question")
    named = DataSettings("files", source_field="en", target_field="document")
    assert names(TRANSLATE.data(named)) == ("en", "document", "")
    assert TRANSLATE.data(TRANSLATE.data(named)) == TRANSLATE.data(named)


def test_sources_without_rows_of_the_task_are_refused():
    assert SUMMARIZE.data(DataSettings()) == DataSettings()
    message = "must be files for the task translate. Received: docstrings. Add"
    with pytest.raises(ConfigError, match=message):
        TRANSLATE.data(DataSettings())


def test_a_question_is_for_answers_alone():
    data = DataSettings("files", question_field="q")
    assert names(ANSWER.data(data))[2] == "q"
    with pytest.raises(ConfigError, match="left out for the task summarize.*'q'"):
        SUMMARIZE.data(data)


def test_length_is_a_ratio_of_sums_and_repetition_a_mean():
    rows = [Row("1", "", ("a b",)), Row("2", "", ("a b c d",))]
    found = style_of(["a b a b", "a"], rows, "english")
    assert found["length_ratio"].total == pytest.approx(5 / 6)
    assert found["repetition"].total == pytest.approx((100 / 3 + 0) / 2)
