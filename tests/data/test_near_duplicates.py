import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nutgraf.data.near_duplicates import (
    Fingerprints,
    drop_near_duplicates,
    fingerprint,
    shingles,
)
from nutgraf.data.rows import Row
from nutgraf.errors import DataError


def text(first, count, name="w"):
    return " ".join(f"{name}{number}" for number in range(first, first + count))


def row(name, document, summary):
    return Row(name, document, (summary,))


def plain_shingles(words):
    """The definition, in sets of tuples."""
    size = max(1, min(5, len(words)))
    return {tuple(words[n : n + size]) for n in range(len(words) - size + 1)}


words = st.lists(st.sampled_from("abcd"), max_size=14)


@given(words, words)
def test_hashes_meet_exactly_where_word_5_grams_do(one, two):
    first, second = shingles([" ".join(one), " ".join(two)])
    a, b = (plain_shingles(w) if w else set() for w in (one, two))
    assert len(first) == len(a)
    assert len(np.intersect1d(first, second)) == len(a & b)


def test_hashes_are_the_same_on_every_machine():
    values = next(shingles(["one two three four five"]))
    assert values.dtype == np.uint64
    assert [hex(value) for value in values] == ["0x6996ebe861b459df"]


def test_the_threshold_is_met_from_one_half_on():
    # 16 words = 12 shingles each. Shifted by 4 words, 8 are shared: 8 / 16 = 0.5;
    # by 5, 7 are shared: 7 / 17 < 0.5.
    train = [row("t", text(0, 16), text(0, 3, "s"))]
    test = [
        row("same", text(0, 16), text(0, 9, "x")),
        row("half", text(4, 16), text(0, 9, "x")),
        row("less", text(5, 16), text(0, 9, "x")),
        row("other", text(50, 16), text(0, 9, "x")),
    ]
    kept = [r.id for r in drop_near_duplicates(test, train)]
    assert kept == ["less", "other"]
    assert [r.id for r in drop_near_duplicates(test, train, threshold=0.4)] == ["other"]


def test_the_summary_counts_as_much_as_the_body():
    train = [row("t", text(0, 30), "Return the current size.")]
    test = [
        row("same", text(100, 30), "return the CURRENT size"),
        row("shorter", text(200, 30), "Return the current"),
    ]
    assert [r.id for r in drop_near_duplicates(test, train)] == ["shorter"]


def test_the_best_of_many_training_rows_decides():
    train = [row(str(n), text(n, 40), text(n * 100, 6, "s")) for n in range(600)]
    test = [row(f"q{n}", text(n, 40), text(n, 9, "x")) for n in range(0, 2000, 100)]
    kept = {r.id for r in drop_near_duplicates(test, train)}
    # row 600 shares 35 of 36 shingles with training row 599, 700 shares none
    assert kept == {f"q{n}" for n in range(700, 2000, 100)}


def test_texts_without_words_repeat_nothing():
    empty = [row("e", "...", "!!!")]
    assert drop_near_duplicates(empty, empty) == empty
    assert drop_near_duplicates(empty, empty, fingerprint(empty)) == empty
    assert drop_near_duplicates([], empty) == []
    assert drop_near_duplicates(empty, [], fingerprint([])) == empty


@pytest.fixture(scope="module")
def shifted():
    """Rows, and the same shifted so that 0, 20, ... 100 % of the body is another."""
    rows = [row(f"r{n}", text(n * 1000, 104), text(n * 9, 8, "s")) for n in range(800)]
    moved = {
        shift: [
            row(f"m{n}", text(n * 1000 + shift, 104), text(n * 9, 8, "z"))
            for n in range(0, 800, 4)
        ]
        for shift in (0, 11, 25, 33, 82, 200)
    }
    return rows, moved


def test_fingerprints_rather_drop_too_much(shifted):
    rows, moved = shifted
    prints = fingerprint(rows)
    found = {shift: prints.matches(some).mean() for shift, some in moved.items()}
    # Jaccard (100 - shift) / (100 + shift): 1, 0.8, 0.6, 0.5, 0.1, 0.
    assert found[0] == 1.0
    assert found[11] == 1.0
    assert found[25] >= 0.98
    assert found[33] >= 0.88
    assert found[82] <= 0.05
    assert found[200] == 0.0


def test_fingerprints_are_small_and_tell_no_order(shifted):
    rows, _ = shifted
    prints = fingerprint(rows)
    assert prints.body.nbytes + prints.summary.nbytes == 36 * len(rows)
    for one, two in zip(prints, fingerprint(rows[::-1]), strict=True):
        np.testing.assert_array_equal(one, two)


def test_fingerprints_are_saved_and_loaded(tmp_path, shifted):
    prints = fingerprint(shifted[0][:5])
    path = tmp_path / "new" / "fingerprints.safetensors"
    prints.save(path)
    for one, two in zip(prints, Fingerprints.load(path), strict=True):
        np.testing.assert_array_equal(one, two)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 9])
def test_other_files_are_no_fingerprints(tmp_path, content):
    path = tmp_path / "f.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"Received: .*f\.safetensors"):
        Fingerprints.load(path)


def test_weights_are_no_fingerprints(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "f.safetensors"
    save_file({"body": np.zeros((1, 20), np.uint8)}, path)
    with pytest.raises(DataError, match="the format is another"):
        Fingerprints.load(path)
