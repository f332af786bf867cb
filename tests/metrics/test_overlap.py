"""Length, repetition and copying: tables worked out by hand."""

import numpy as np
import pytest

from nutgraf.errors import ConfigError, DataError
from nutgraf.metrics.overlap import (
    copied_share,
    length_ratio,
    longest_copied,
    novel_ngrams,
    repetition,
)


def test_length_ratio_adds_up_over_rows():
    found = length_ratio(["a, b", "", "c d e"], [["a b c d", "a"], ["x"], ["c"]])
    assert found.predicted.tolist() == [2, 0, 3]
    assert found.wanted.tolist() == [4, 1, 1]
    assert found.ratio == pytest.approx(5 / 6)
    assert length_ratio(["今天好"], [["天气"]], "cjk").ratio == 1.5
    assert length_ratio(["a"], [["..."]]).ratio == 1.0


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [
        ("", 2, 0),
        ("a", 2, 0),
        ("a a", 2, 0),
        ("a a a", 2, 50),  # (a a) twice
        ("The cat. the CAT", 2, 100 / 3),  # the cat, cat the, the cat
        ("a b a b", 1, 50),
        ("a b c a b c", 3, 25),
    ],
)
def test_repetition(text, n, expected):
    np.testing.assert_allclose(repetition([text], n), [expected])


@pytest.mark.parametrize(
    ("text", "document", "n", "expected"),
    [
        ("", "a b", 2, 0),
        ("a", "b", 2, 0),
        ("a b c", "c b a", 2, 100),
        ("a b c", "z a b c", 2, 0),
        ("a b x a b", "a b", 2, 50),  # b x and x a of four
        ("cats", "cat", 1, 100),  # not stemmed
    ],
)
def test_novel_ngrams(text, document, n, expected):
    np.testing.assert_allclose(novel_ngrams([text], [document], n), [expected])


@pytest.mark.parametrize(
    ("text", "document", "n", "expected"),
    [
        ("", "a", 3, 0),
        ("a b", "a b", 3, 0),
        ("a b c", "a b c", 3, 100),
        ("a b c d", "x a b c y b c d", 3, 100),  # two overlapping runs
        ("a b x c d", "a b c d", 3, 0),
        ("a b x c d", "a b c d", 1, 80),  # coverage of Grusky et al.
        ("a b x c d", "a b c d", 2, 80),
        ("a b a c", "a b", 1, 75),
    ],
)
def test_copied_share(text, document, n, expected):
    np.testing.assert_allclose(copied_share([text], [document], n), [expected])


@pytest.mark.parametrize(
    ("text", "document", "expected"),
    [
        ("", "a", 0),
        ("a", "", 0),
        ("a b", "c d", 0),
        ("a b c", "x a b c y", 100),
        ("a b x b c d", "a b c d", 50),  # b c d
        ("a x a", "a", 100 / 3),
        ("a b c d e f g h", "e f g h a b c", 50),  # the order counts
    ],
)
def test_longest_copied(text, document, expected):
    np.testing.assert_allclose(longest_copied([text], [document]), [expected])


def test_longest_copied_equals_a_plain_search():
    random = np.random.default_rng(0)
    for _ in range(50):
        text, document = (list(random.choice([*"abc"], n)) for n in (12, 30))
        joined = "".join(document)
        longest = max(
            stop - start
            for start in range(13)
            for stop in range(start, 13)
            if "".join(text[start:stop]) in joined
        )
        found = longest_copied([" ".join(text)], [" ".join(document)])
        np.testing.assert_allclose(found, [100 * longest / 12])


def test_chinese_is_counted_by_characters():
    assert novel_ngrams(["今天好"], ["今天"], 2, "cjk").tolist() == [50.0]
    assert copied_share(["今天好"], ["今天好吗"], 3, "cjk").tolist() == [100.0]
    assert longest_copied(["今天好"], ["今天"], "cjk").round(2).tolist() == [66.67]
    assert repetition(["好好好"], 2, "cjk").tolist() == [50.0]


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="Received: 0"):
        repetition(["a"], 0)
    with pytest.raises(DataError, match="1 predictions, 2 rows"):
        novel_ngrams(["a"], ["a", "b"])
    with pytest.raises(DataError, match="2 predictions, 1 rows"):
        longest_copied(["a", "b"], ["a"])
    with pytest.raises(DataError, match="2 predictions, 1 rows"):
        copied_share(["a", "b"], ["a"])
    with pytest.raises(DataError, match="1 predictions, 0 rows"):
        length_ratio(["a"], [])
