import hashlib

import pytest

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.stories import hash_split, parse_story, read_stories
from nutgraf.errors import DataError

STORY = """(CNN) -- It rained all   day.

"A lot of rain"

Nobody came

@highlight

It rained

@highlight

NEW: Nobody came!
"""


def write(folder, stem, text=STORY):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.story").write_text(text, encoding="utf-8")


def test_article_and_highlights_as_in_the_copy_on_the_hub():
    article, summary = parse_story(STORY)
    assert article == '(CNN) -- It rained all day. "A lot of rain" Nobody came .'
    assert summary == "It rained .\nNEW: Nobody came!"


def test_a_story_may_lack_a_part():
    assert parse_story("@highlight\n\nOnly this.") == ("", "Only this.")
    assert parse_story("Only that.") == ("Only that.", "")
    assert parse_story("a.\n@highlight\n") == ("a.", "")


def test_lists_of_addresses_name_the_splits(tmp_path):
    urls = {"train": ["http://a/1", "http://a/2"], "val": ["http://b"], "test": []}
    for name, addresses in urls.items():
        (tmp_path / f"all_{name}.txt").write_text("\n".join([*addresses, "absent"]))
        for address in addresses:
            stem = hashlib.sha1(address.encode()).hexdigest()
            write(tmp_path / "cnn" / "stories", stem, f"Of {address}.\n{STORY}")
    train = list(read_stories(tmp_path, "train", BadRowLog("fail")))
    assert [row.document[:13] for row in train] == ["Of http://a/1", "Of http://a/2"]
    assert train[0].id == hashlib.sha1(b"http://a/1").hexdigest()
    assert len(list(read_stories(tmp_path, "valid", BadRowLog("fail")))) == 1
    with pytest.raises(DataError, match="some of the split 'test'"):
        list(read_stories(tmp_path, "test", BadRowLog("fail")))


def test_folders_name_the_splits(tmp_path):
    write(tmp_path / "train", "a")
    write(tmp_path / "val", "b")
    assert [row.id for row in read_stories(tmp_path, "train", BadRowLog("fail"))] == [
        "a"
    ]
    assert [row.id for row in read_stories(tmp_path, "valid", BadRowLog("fail"))] == [
        "b"
    ]


def test_else_a_hash_does(tmp_path):
    for number in range(100):
        write(tmp_path, f"s{number}")
    found = {
        split: [row.id for row in read_stories(tmp_path, split, BadRowLog("fail"))]
        for split in ("train", "valid", "test")
    }
    assert sorted(sum(found.values(), [])) == sorted(f"s{n}" for n in range(100))
    for split, names in found.items():
        assert all(hash_split(name) == split for name in names)
    splits = [hash_split(str(number)) for number in range(10_000)]
    assert abs(splits.count("train") / 10_000 - 0.9) < 0.015  # five standard errors
    assert abs(splits.count("test") / 10_000 - 0.05) < 0.011  # five standard errors


def write_bad(folder):
    """One good story, three bad ones."""
    write(folder, "a")
    write(folder, "b", "No highlight.")
    write(folder, "c", "@highlight\n\nNo article")
    (folder / "d.story").write_bytes(b"Tea\xe9")


def test_bad_stories_are_left_out_and_counted(tmp_path):
    write_bad(tmp_path / "train")
    log = BadRowLog("skip")
    assert [row.id for row in read_stories(tmp_path, "train", log)] == ["a"]
    assert (log.good, log.count) == (1, 3)
    assert [row.reason for row in log.shown] == [
        "has no highlight",
        "has no article",
        "invalid UTF-8 at byte 4",
    ]


def test_bad_stories_are_named_where_they_may_not_be_skipped(tmp_path):
    write_bad(tmp_path / "train")
    with pytest.raises(
        DataError, match=r"3 bad rows.*\n.*b\.story:1: has no highlight"
    ):
        list(read_stories(tmp_path, "train", BadRowLog("fail", "data.")))
