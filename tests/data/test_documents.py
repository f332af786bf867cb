import dataclasses
import gzip
import itertools
import json

import pytest

from nutgraf.data import documents
from nutgraf.data.documents import DocumentSettings, documents_name, load_documents
from nutgraf.errors import ConfigError, DataError


def settings(*train, **changes):
    given = {"source": "files", "train": tuple(map(str, train)), "valid_share": 0.0}
    return DocumentSettings(**{**given, **changes})


def read(*arguments, split="train"):
    return [row.document for row in load_documents(*arguments, split)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("It rains.\n\nAll day.\n")
    (tmp_path / "deep" / "b.md").write_text("\ufeffThe house is red.")
    (tmp_path / "c.jsonl").write_text(
        "\n".join(json.dumps({"text": text}) for text in ("one", "two"))
    )
    with gzip.open(tmp_path / "d.txt.gz", "wt") as file:
        file.write("packed")
    (tmp_path / "e.py").write_text("no document")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / ".hidden.txt").write_text("hidden")
    return tmp_path


def test_a_folder_is_read_whole_and_in_order(folder):
    expected = ["It rains.\n\nAll day.\n", "one", "two", "packed", "The house is red."]
    assert read(settings(folder)) == expected
    names = [row.id for row in load_documents(settings(folder), "train")]
    assert names[0] == str(folder / "a.txt") and names[1] == "c.jsonl:1"


def test_a_file_that_is_named_is_read_whatever_its_end(folder):
    assert read(settings(folder / "e.py", folder / "a.txt"))[0] == "no document"


def test_a_long_text_comes_in_pieces_that_lose_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "PIECE", 50)
    text = " ".join(f"word{number}" for number in range(40)) + "x" * 120 + "\nend"
    (tmp_path / "long.txt").write_text(text)
    found = list(load_documents(settings(tmp_path), "train"))
    assert "".join(row.document for row in found) == text
    assert max(len(row.document) for row in found) <= 50
    assert [row.document[-1] for row in found[:4]] == [" "] * 4  # words stay whole
    assert len({row.id for row in found}) == len(found) > 4


def test_validation_documents_are_not_trained_on(tmp_path):
    lines = [json.dumps({"text": f"text {number}"}) for number in range(200)]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    given = settings(tmp_path, valid_share=0.2)
    train, valid = (read(given, split=split) for split in ("train", "valid"))
    assert len(train) + len(valid) == len({*train, *valid}) == 200
    assert 20 < len(valid) < 60
    other = tmp_path / "v.txt"
    other.write_text("valid")
    given = settings(tmp_path / "all.jsonl", valid=(str(other),), valid_share=0.2)
    assert len(read(given)) == 200
    assert read(given, split="valid") == ["valid"]


def test_documents_are_a_stream(tmp_path):
    lines = [json.dumps({"text": "text"})] * 10 + ["no json"]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    rows = load_documents(settings(tmp_path), "train")
    assert len(list(itertools.islice(rows, 5))) == 5  # the broken line was not reached
    assert len(read(settings(tmp_path, max_documents=3))) == 3


def test_built_in_sources_give_their_documents_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("NUTGRAF_CACHE", str(tmp_path))
    path = tmp_path / "news.jsonl"
    rows = [
        {"id": str(n), "document": f"news {n}", "summary": "short"} for n in range(60)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    given = DocumentSettings("cnn_dailymail", path=str(path))
    found = list(load_documents(given, "train"))
    assert found and all(row.references == () for row in found)
    assert all(row.document.startswith("news") for row in found)
    assert documents_name(given) != documents_name(
        DocumentSettings("cnn_dailymail", path=str(path), max_documents=2)
    )
    path.write_text(path.read_text() + '\n{"id": "60", "document": "", "summary": "a"}')
    with pytest.raises(DataError, match=r'set data\.bad_rows to "skip"'):
        list(load_documents(given, "train"))
    skipping, lines = dataclasses.replace(given, bad_rows="skip"), []
    assert len(list(load_documents(skipping, "train", lines.append))) == len(found)
    assert len(lines) == 1 and "left out 1 bad row" in lines[0]


def test_the_name_changes_with_the_files(folder):
    before = documents_name(settings(folder))
    assert documents_name(settings(folder)) == before
    (folder / "a.txt").write_text("It snows.")
    assert documents_name(settings(folder)) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "hub"}, "data.source must be one of"),
        ({"source": "files"}, "data.train must name files or folders"),
        (
            {"train": ("a.txt",)},
            r"docstrings reads no such setting.*train=\('a.txt',\)",
        ),
        ({"source": "files", "train": ("a",), "path": "b"}, "data.path='b'"),
        ({"valid_share": 1.0}, r"valid_share must be a number in \[0, 1\)"),
        ({"max_documents": -1}, "max_documents must be an integer >= 0"),
    ],
)
def test_settings_that_do_not_fit_are_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        DocumentSettings(**changes)


def test_an_empty_folder_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(DataError, match="must hold files that end in txt.*with none"):
        read(settings(tmp_path))
    with pytest.raises(DataError, match="must exist. Received: .*absent.txt"):
        read(settings(tmp_path / "absent.txt"))
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(DataError, match="none that holds a word in .*empty.txt"):
        read(settings(tmp_path / "empty.txt"))
    assert read(settings(tmp_path / "empty.txt"), split="valid") == []


def test_a_missing_field_and_another_encoding_are_told(folder, tmp_path):
    with pytest.raises(DataError, match="`body` is missing.*there are: text"):
        read(settings(folder / "c.jsonl", source_field="body"))
    (tmp_path / "latin.txt").write_bytes(b"ol\xe9")
    with pytest.raises(DataError, match="must be UTF-8.*latin.txt: byte 0xe9"):
        read(settings(tmp_path / "latin.txt"))
    (tmp_path / "torn.txt.gz").write_bytes(gzip.compress(b"text" * 99)[:20])
    with pytest.raises(DataError, match="read to its end.*torn.txt.gz"):
        read(settings(tmp_path / "torn.txt.gz"))
