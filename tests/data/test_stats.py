import dataclasses

import pytest

from nutgraf.data.rows import Row
from nutgraf.data.stats import Lengths, describe


class Characters:
    def encode_batch(self, texts):
        return [list(text) for text in texts]


def make(count):
    return (
        Row(str(n), " ".join(["w"] * n), (" ".join(["s"] * (n % 10 + 1)),))
        for n in range(1, count + 1)
    )


def test_lengths_in_words():
    report = describe(make(1001), max_source=900, max_target=9)
    assert (report.rows, report.unit) == (1001, "words")
    assert report.sources == Lengths(501.0, 501.0, 901.0, 991.0, 1001, 101 / 1001)
    # Lengths 1..10 in turn; 10 alone is longer than 9: n = 9, 19, ..., 999.
    assert report.targets.longest == 10
    assert report.targets.share_cut == pytest.approx(100 / 1001)


def test_lengths_in_tokens_leave_room_for_the_end():
    rows = [Row("1", "abcd", ("abc",)), Row("2", "abcde", ("abcd",))]
    report = describe(rows, Characters(), max_source=4, max_target=4)
    assert report.unit == "tokens"
    assert report.sources.share_cut == 0.5
    assert report.targets.share_cut == 0.5  # three tokens and the end fit into four
    assert report.sources.mean == 4.5


def test_repetitions_are_counted_apart():
    rows = [
        Row("1", "a", ("x",)),
        Row("2", "a", ("y",)),
        Row("3", "a", ("x",)),
        Row("4", "b", ("x",)),
        Row("5", "c", ()),
    ]
    report = describe(iter(rows))
    assert report.repeated_sources == 2
    assert report.repeated_targets == 2
    assert report.repeated_rows == 1
    assert report.rows_without_target == 1


def test_the_parts_of_a_row_are_not_mixed_up():
    rows = [Row("1", "ab", ("c",)), Row("2", "a", ("bc",))]
    assert describe(rows).repeated_rows == 0


def test_no_rows_give_zeros():
    report = dataclasses.asdict(describe([]))
    assert report.pop("unit") == "words"
    assert set(report.pop("sources")) | set(report.pop("targets")) == {0.0}
    assert set(report.values()) == {0}


def test_chinese_characters_are_words():
    report = describe([Row("1", "今天 it rains。", ("天气",))])
    assert report.sources.longest == 4  # the full stop belongs to "rains。"
    assert report.targets.longest == 2
