import gzip
import json
import sys
import time
import types

import pyarrow
import pytest
from pyarrow import parquet

from nutgraf.data import cnn_dailymail
from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.cnn_dailymail import copy_files, load_cnn_dailymail
from nutgraf.data.stories import hash_split
from nutgraf.errors import ConfigError, DataError, DependencyError


def rows(*names):
    return [{"id": n, "article": f"Of {n}.", "highlights": f"{n} ."} for n in names]


def ids(path, split):
    return [row.id for row in load_cnn_dailymail(split, path)]


def test_the_parquet_files_of_the_hub(tmp_path):
    for name, content in {
        "train-00000-of-00002.parquet": rows("a", "b"),
        "train-00001-of-00002.parquet": rows("c"),
        "validation-00000-of-00001.parquet": rows("d"),
        "test-00000-of-00001.parquet": rows("e"),
    }.items():
        parquet.write_table(pyarrow.Table.from_pylist(content), tmp_path / name)
    assert ids(tmp_path, "train") == ["a", "b", "c"]
    assert ids(tmp_path, "valid") == ["d"]
    assert ids(tmp_path / "test-00000-of-00001.parquet", "test") == ["e"]
    row = next(load_cnn_dailymail("train", tmp_path))
    assert (row.document, row.references) == ("Of a.", ("a .",))


def write_lines(path, names):
    records = [{"id": n, "document": f"Of {n}.", "summary": f"{n} ."} for n in names]
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(text.encode()))


def test_json_lines_by_the_beginning_of_their_names(tmp_path):
    for split in ("train", "valid", "test"):
        write_lines(tmp_path / f"cnndm_tok.{split}.jsonl.gz", [split])
        write_lines(tmp_path / f"other.{split}.jsonl.gz", ["wrong"])
    for split in ("train", "valid", "test"):
        assert ids(tmp_path / "cnndm_tok", split) == [split]
    with pytest.raises(DataError, match=r"cnndm_tok, other.*such as .*cnndm_tok\.$"):
        load_cnn_dailymail("train", tmp_path)


def test_one_file_without_split_in_its_name_is_split_by_hash(tmp_path):
    names = [f"n{number}" for number in range(60)]
    write_lines(tmp_path / "all.jsonl.gz", names)
    for split in ("train", "valid", "test"):
        expected = [name for name in names if hash_split(name) == split]
        assert ids(tmp_path / "all.jsonl.gz", split) == expected


def test_a_file_of_another_split_is_not_taken(tmp_path):
    path = tmp_path / "train.jsonl.gz"
    write_lines(path, ["a"])
    with pytest.raises(DataError, match=r"have the split 'test'\. Received"):
        load_cnn_dailymail("test", path)


def test_a_table_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("document,title\na,b\n")
    with pytest.raises(DataError, match=r"with document, title\. Rename its columns"):
        ids(path, "train")


def test_a_broken_first_line_does_not_hide_the_names_of_the_fields(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{\n{"id": "a", "document": "Of a.", "summary": "a ."}\n')
    log = BadRowLog("skip")
    assert [row.id for row in load_cnn_dailymail("train", path, log)] == ["a"]
    assert (log.count, log.shown[0].line) == (1, 1)


def test_the_files_of_a_copy(tmp_path):
    write_lines(tmp_path / "news.train.jsonl.gz", ["a"])
    write_lines(tmp_path / "other.train.jsonl.gz", ["a"])
    (tmp_path / "news.txt").write_text("")
    train, other = sorted(tmp_path.glob("*.gz"))
    assert copy_files(tmp_path) == [train, other]
    assert copy_files(tmp_path / "news") == copy_files(train) == [train]
    (tmp_path / "x.story").write_text("")
    assert copy_files(tmp_path) == [tmp_path / "x.story"]


def test_empty_articles_are_left_out_with_a_warning(tmp_path):
    path = tmp_path / "train.parquet"
    content = rows("a", "b")
    content[0]["article"] = ""
    parquet.write_table(pyarrow.Table.from_pylist(content), path)
    with pytest.warns(UserWarning, match="`article` is empty"):
        assert ids(path, "train") == ["b"]


def test_a_folder_of_stories(tmp_path):
    (tmp_path / "test").mkdir()
    story = "Text.\n\n@highlight\n\nShort"
    (tmp_path / "test" / "x.story").write_text(story)
    row = next(load_cnn_dailymail("test", tmp_path))
    assert (row.id, row.document, row.references) == ("x", "Text.", ("Short .",))


@pytest.mark.parametrize("form", ["stories", "copy", "hub"])
def test_bad_rows_fail_or_are_left_out(tmp_path, monkeypatch, form):
    path = None if form == "hub" else tmp_path
    if form == "stories":
        (tmp_path / "train").mkdir()
        (tmp_path / "train" / "x.story").write_text("Text.\n\n@highlight\n\nShort")
        (tmp_path / "train" / "y.story").write_text("Text.")
    elif form == "copy":
        write_lines(tmp_path / "train.jsonl.gz", ["a"])
        content = gzip.decompress((tmp_path / "train.jsonl.gz").read_bytes())
        bad = b'{"document": "", "summary": "x"}\n'
        (tmp_path / "train.jsonl.gz").write_bytes(gzip.compress(content + bad))
    else:
        records = [*rows("a"), {"id": "b", "article": "x", "highlights": " "}]
        hub = types.SimpleNamespace(load_dataset=lambda *_, **__: records)
        monkeypatch.setattr(cnn_dailymail, "_in_reach", lambda url: None)
        monkeypatch.setitem(sys.modules, "datasets", hub)
    log = BadRowLog("skip")
    assert len(list(load_cnn_dailymail("train", path, log))) == log.good == 1
    assert log.count == 1
    with pytest.raises(DataError, match="1 bad row"):
        list(load_cnn_dailymail("train", path, BadRowLog("fail")))
    with pytest.warns(UserWarning, match="left out 1 bad row"):
        assert len(list(load_cnn_dailymail("train", path))) == 1


@pytest.mark.parametrize("make", [True, False])
def test_what_is_no_copy_is_told_with_the_ways_to_get_one(tmp_path, make):
    path = tmp_path / "empty"
    if make:
        path.mkdir()
    with pytest.raises(DataError, match=r"no data file\. Ways to get it: \(1\)"):
        load_cnn_dailymail("train", path)


def test_splits_have_three_names():
    with pytest.raises(ConfigError, match="train, valid, test. Received: 'validation'"):
        load_cnn_dailymail("validation")


def test_without_network_it_fails_within_seconds(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"cannot be reached.*Ways to get it: \(1\)"):
        load_cnn_dailymail("train")
    assert time.monotonic() - start < 7


def test_a_hub_that_is_switched_off_is_not_asked(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match="HF_HUB_OFFLINE is set"):
        load_cnn_dailymail("train")


def test_rows_of_the_hub_are_streamed(monkeypatch):
    asked = {}

    def load_dataset(name, version, **settings):
        asked.update(settings, name=name, version=version)
        return iter([*rows("a"), {"id": "b", "article": " ", "highlights": "x"}])

    hub = types.SimpleNamespace(load_dataset=load_dataset)
    monkeypatch.setattr(cnn_dailymail, "_in_reach", lambda url: None)
    monkeypatch.setitem(sys.modules, "datasets", hub)
    found = list(load_cnn_dailymail("valid", log=BadRowLog()))
    assert [row.id for row in found] == ["a"]
    assert asked == {
        "name": "abisee/cnn_dailymail",
        "version": "3.0.0",
        "split": "validation",
        "streaming": True,
    }


def test_the_package_for_the_hub_is_named_when_it_is_missing(monkeypatch):
    monkeypatch.setattr(cnn_dailymail, "_in_reach", lambda url: None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DependencyError, match=r"pip install nutgraf\[hub\]"):
        load_cnn_dailymail("train")


@pytest.mark.data
def test_the_shared_copy(shared_data):
    counts = {s: len(ids(shared_data / "cnndm_tok", s)) for s in ("valid", "test")}
    assert counts == {"valid": 2000, "test": 993}
