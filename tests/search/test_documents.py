import json

import pytest

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.errors import DataError
from nutgraf.search.documents import read_collection
from nutgraf.tasks.search import DocumentFields


def test_a_folder_of_texts_and_rows(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "long.txt").write_text("One two. Three four. Five.")
    (tmp_path / "a.md").write_text("今天天气很好。")
    (tmp_path / "c.jsonl").write_text(
        json.dumps({"id": 7, "text": "Rain fell. It stopped.", "title": "T"})
    )
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "other.pdf").write_bytes(b"no")
    found = list(read_collection(tmp_path, words=4))
    assert [document.id for document in found] == [
        "a.md#1",
        "b/long.txt#1",
        "b/long.txt#2",
        "7",
    ]
    assert (
        found[1].text == "One two. Three four."
        and found[-1].content == "T\nRain fell. It stopped."
    )
    whole = {document.id for document in read_collection(tmp_path, words=0)}
    assert whole == {"a.md", "b/long.txt", "7"}
    cut = [d.id for d in read_collection(tmp_path / "c.jsonl", words=2, cut_rows=True)]
    assert cut == ["7#1", "7#2"]


def test_fields_have_other_names(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"key": "x", "body": "text"}))
    fields = DocumentFields("key", "body", "head")
    assert [d.id for d in read_collection(path, fields)] == ["x"]


def test_mistakes_are_told(tmp_path):
    with pytest.raises(DataError, match="which does not exist"):
        list(read_collection(tmp_path / "absent"))
    with pytest.raises(DataError, match="must hold files that end in .txt, .md"):
        list(read_collection(tmp_path))
    (tmp_path / "a.pdf").write_bytes(b"x")
    with pytest.raises(DataError, match="A file to index must end in"):
        list(read_collection(tmp_path / "a.pdf"))
    (tmp_path / "a.txt").write_text("  ")
    with pytest.raises(DataError, match="at least one document with a text"):
        list(read_collection(tmp_path))
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DataError, match="must be UTF-8"):
        list(read_collection(tmp_path))
    (tmp_path / "a.txt").unlink()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(json.dumps({"id": "1", "text": "x"}))
    with pytest.raises(DataError, match="'1' twice, again in .*b.jsonl"):
        list(read_collection(tmp_path))


def test_bad_rows_can_be_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": "1", "text": "x"}\n{"id": "2"}\nnothing\n{"id": 1, "text": "y"}'
    )
    with pytest.raises(DataError, match=":2: the field `text` is missing"):
        list(read_collection(path))
    log = BadRowLog("skip")
    assert [d.id for d in read_collection(path, log=log)] == ["1"] and log.count == 3
