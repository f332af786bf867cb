import hashlib

import pytest

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
    train = list(read_stories(tmp_path, "train"))
    assert [row.document[:13] for row in train] == ["Of http://a/1", "Of http://a/2"]
    assert train[0].id == hashlib.sha1(b"http://a/1").hexdigest()
    assert len(list(read_stories(tmp_path, "valid"))) == 1
    with pytest.raises(DataError, match="some of the split 'test'"):
        list(read_stories(tmp_path, "test"))


def test_folders_name_the_splits(tmp_path):
    write(tmp_path / "train", "a")
    write(tmp_path / "val", "b")
    assert [row.id for row in read_stories(tmp_path, "train")] == ["a"]
    assert [row.id for row in read_stories(tmp_path, "valid")] == ["b"]


def test_else_a_hash_does(tmp_path):
    for number in range(100):
        write(tmp_path, f"s{number}")
    found = {
        split: [row.id for row in read_stories(tmp_path, split)]
        for split in ("train", "valid", "test")
    }
    assert sorted(sum(found.values(), [])) == sorted(f"s{n}" for n in range(100))
    for split, names in found.items():
        assert all(hash_split(name) == split for name in names)
    splits = [hash_split(str(number)) for number in range(10_000)]
    assert abs(splits.count("train") / 10_000 - 0.9) < 0.015  # five standard errors
    assert abs(splits.count("test") / 10_000 - 0.05) < 0.011  # five standard errors


def test_stories_without_article_or_highlight_are_passed_over(tmp_path):
    write(tmp_path / "train", "a")
    write(tmp_path / "train", "b", "No highlight.")
    write(tmp_path / "train", "c", "@highlight\n\nNo article")
    assert [row.id for row in read_stories(tmp_path, "train")] == ["a"]


def test_a_story_that_is_no_utf8_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.story").write_bytes(b"\xe9")
    with pytest.raises(DataError, match=r"a\.story:1: byte 0xe9"):
        list(read_stories(tmp_path, "train"))
