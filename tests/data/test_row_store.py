from pathlib import Path

import numpy as np
import pytest

from nutgraf.data.row_store import rows_on_disk
from nutgraf.data.rows import Row

ROWS = [
    Row("one", "It rains.\nIt pours.", ("Rain.", 'A "storm"'), "news.jsonl:1"),
    Row("two", "天气很好。", ("好",)),
    Row("three", "Who?\nA cat.", ("cat", "A"), "a.jsonl:5", (2, -1)),
    Row("four", "a lone surrogate: \udc80", ("x",), "module"),
]


@pytest.fixture
def store(tmp_path):
    with rows_on_disk(iter(ROWS), tmp_path) as rows:
        yield rows


def test_rows_come_back_as_they_were(store):
    assert list(store) == ROWS
    assert all(type(row.references) is tuple for row in store)


def test_rows_are_read_in_any_order(store):
    order = [2, 0, 3, -1, 0, np.int64(1)]
    assert [store[place] for place in order] == [ROWS[place] for place in order]


@pytest.mark.parametrize("part", [slice(1, 3), slice(-2, None), slice(None, None, -2)])
def test_a_slice_is_a_list(store, part):
    assert store[part] == ROWS[part]


@pytest.mark.parametrize("place", [4, -5])
def test_there_is_no_row_behind_the_last(store, place):
    with pytest.raises(IndexError):
        store[place]


def test_rows_are_taken_one_at_a_time_and_leave_nothing(tmp_path):
    folder = tmp_path / "new" / "run"

    def rows():
        yield from ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), rows_on_disk(rows(), folder):
        pass
    with rows_on_disk((), folder) as none:
        assert not none
        assert list(Path(folder).iterdir()) == []
