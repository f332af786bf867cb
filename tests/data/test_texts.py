import io

import pytest

from nutgraf.data.texts import decode, read_texts, text_or_file
from nutgraf.errors import DataError


def test_each_file_and_standard_input_is_one_document(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffLine one\r\nline two: 猫\r\n".encode())
    rows = list(read_texts([path, "-"], io.BytesIO(b"From a pipe")))
    assert [row.document for row in rows] == ["Line one\nline two: 猫\n", "From a pipe"]
    assert [row.id for row in rows] == [str(path), "-"]
    assert all(row.references == () for row in rows)


def test_no_paths_mean_standard_input():
    assert [row.id for row in read_texts([], io.BytesIO(b"text"))] == ["-"]
    with pytest.raises(DataError, match="standard input"):
        list(read_texts([]))


def test_what_is_no_text_is_named(tmp_path):
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes(b"one\ntwo\n\xe9\n")
    for name, reason in (
        ("empty.txt", "empty"),
        ("latin.txt", r"latin\.txt:3: byte 0xe9"),
        ("none.txt", "No such file"),
        (".", "a folder"),
    ):
        with pytest.raises(DataError, match=reason):
            list(read_texts([tmp_path / name]))


def test_line_breaks_are_made_the_same():
    assert decode(b"a\r\nb\rc\n", "x") == "a\nb\nc\n"


def test_a_text_is_itself_or_what_a_file_holds(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("It rained.\n\n")
    assert text_or_file(str(path)) == "It rained.\n"
    assert text_or_file("-", io.BytesIO(b"From a pipe\n")) == "From a pipe"
    for text in ("It rained.", "", "Read it in notes.txt", "x" * 5000):
        assert text_or_file(text) == text
    with pytest.raises(DataError, match="absent.txt, which is no file that is there"):
        text_or_file("absent.txt")
