import pytest

from nutgraf.errors import DataError
from nutgraf.metrics.rows import check_references, reference_count


def test_texts_with_references_pass():
    check_references([], [])
    check_references(["", "b"], [[""], ("x", "y")])


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        (["a"], [], "Received: 1 predictions, 0 lists"),
        (["a", "b"], [["x"], []], r"Received: \[\] in row 1"),
        (["a"], ["x"], r"Received: 'x' in row 0. Write \[text\]"),
    ],
)
def test_others_are_refused(predictions, references, message):
    with pytest.raises(DataError, match=message):
        check_references(predictions, references)


def test_reference_count():
    assert reference_count([["a", "b"], ["c", "d"]]) == 2
    assert reference_count([["a", "b"], ["c"]]) == -1
    assert reference_count([]) == -1
