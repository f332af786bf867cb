import gzip
import io

import pyarrow
import pytest
from pyarrow import parquet

from nutgraf.data.records import (
    open_binary,
    read_delimited,
    read_json_lines,
    read_parquet,
)
from nutgraf.errors import DataError


def delimited(content, delimiter=",", headers=None):
    seen = [] if headers is None else headers
    return list(read_delimited(io.BytesIO(content), delimiter, seen.extend))


def test_json_lines_name_the_line_and_why_it_is_none():
    lines = [b'\xef\xbb\xbf{"a": "\xc3\xa4"}\n', b"\n", b"\xff\n", b"{\n", b"3\n"]
    (first, good), *bad = read_json_lines(lines)
    assert (first, good) == (1, {"a": "ä"})
    assert [number for number, _ in bad] == [3, 4, 5]
    for (_, reason), word in zip(bad, ("UTF-8", "broken", "not int"), strict=True):
        assert word in reason


def test_a_name_in_gz_is_unpacked(tmp_path):
    for name, content in (("a.txt", b"plain"), ("a.txt.GZ", gzip.compress(b"packed"))):
        (tmp_path / name).write_bytes(content)
    with open_binary(tmp_path / "a.txt") as stream:
        assert stream.read() == b"plain"
    with open_binary(tmp_path / "a.txt.GZ") as stream:
        assert stream.read() == b"packed"


def test_lines_are_those_where_a_record_begins():
    content = b'\xef\xbb\xbfa,b\r\n1,"two\nlines, one cell"\r\n\r\n3,"say ""hi"""\r\n'
    headers = []
    assert delimited(content, headers=headers) == [
        (2, {"a": "1", "b": "two\nlines, one cell"}),
        (5, {"a": "3", "b": 'say "hi"'}),
    ]
    assert headers == ["a", "b"]


def test_bad_lines_are_told_and_the_next_is_read():
    content = b"a\tb\n1\n2\t\xff\n3\t4\t5\n6\t7\n"
    assert delimited(content, "\t") == [
        (2, "has 1 columns, the header has 2"),
        (3, "invalid UTF-8"),
        (4, "has 3 columns, the header has 2"),
        (5, {"a": "6", "b": "7"}),
    ]


def test_an_open_quote_is_told():
    (line, reason), *rest = delimited(b'a,b\n1,"open\n2,3\n')
    assert (line, rest) == (2, [])
    assert reason.startswith("broken table row")


def test_cells_may_be_long():
    assert len(delimited(b"a\n" + b"x" * 300_000)[0][1]["a"]) == 300_000


def test_the_header_can_be_refused():
    def refuse(header):
        raise DataError("no")

    with pytest.raises(DataError, match="no"):
        list(read_delimited(io.BytesIO(b"a,b\n"), ",", refuse))


def test_parquet_gives_the_columns_that_exist(tmp_path):
    path = tmp_path / "t.parquet"
    table = {"a": ["x", None], "b": [["p", "q"], []], "c": [1, 2]}
    parquet.write_table(pyarrow.table(table), path, row_group_size=1)
    headers = []
    records = list(read_parquet(path, ["a", "b", "id"], headers.extend))
    assert records == [(1, {"a": "x", "b": ["p", "q"]}), (2, {"a": None, "b": []})]
    assert headers == ["a", "b", "c"]


def test_invalid_utf8_in_parquet_is_one_bad_row(tmp_path):
    path = tmp_path / "t.parquet"
    raw = pyarrow.array([b"good", b"\xff\xfe", b"fine"], pyarrow.binary())
    column = pyarrow.Array.from_buffers(pyarrow.string(), 3, raw.buffers())
    parquet.write_table(pyarrow.table({"a": column}), path)
    assert list(read_parquet(path, ["a"], list)) == [
        (1, {"a": "good"}),
        (2, "invalid UTF-8"),
        (3, {"a": "fine"}),
    ]


@pytest.mark.parametrize("content", [b"", b"PAR1 not really PAR1"])
def test_other_files_are_no_parquet(tmp_path, content):
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"must be whole\. Received: .*t\.parquet"):
        list(read_parquet(path, ["a"], list))
