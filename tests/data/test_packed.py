import json

import numpy as np
import pytest

from nutgraf.arrays import BOS, EOS, PAD
from nutgraf.data.packed import PackedTokens, build_packed, packed_batches
from nutgraf.data.rows import Row
from nutgraf.errors import DataError
from nutgraf.testing.toys import toy_rows


def texts(*lengths):
    return [toy_rows(1, length, seed=length)[0] for length in lengths]


@pytest.fixture(scope="module")
def documents():
    return [*texts(*range(1, 15)), Row("long", "a red house " * 40)]


@pytest.fixture(scope="module")
def packed(documents, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return build_packed(iter(documents), tokenizer, folder, 24, "toy")


@pytest.fixture(scope="module")
def batch(packed):
    return packed.batch(np.arange(len(packed)), len(packed) + 1)


def segments_of(batch):
    """(ids, positions, targets, mask) of each segment."""
    for row, numbers in enumerate(batch.segments):
        for number in range(1, numbers.max() + 1):
            place = numbers == number
            fields = (batch.ids, batch.positions, batch.targets, batch.mask)
            yield [field[row][place] for field in fields]


def test_every_token_is_predicted_once(documents, tokenizer, packed, batch):
    expected = sorted(
        token for row in documents for token in [*tokenizer.encode(row.document), EOS]
    )
    assert sorted(batch.targets[batch.mask].tolist()) == expected
    assert packed.tokens == len(expected) == batch.mask.sum()
    assert packed.documents == len(documents)
    assert packed.bytes == sum(len(row.document) for row in documents)


def test_short_documents_are_whole_and_long_ones_overlap_by_a_token(
    documents, tokenizer, batch
):
    found = [ids.tolist() for ids, *_ in segments_of(batch)]
    for row in documents[:-1]:
        ids = [BOS, *tokenizer.encode(row.document), EOS]
        if len(ids) <= 24:
            assert ids in found
    ids = [BOS, *tokenizer.encode(documents[-1].document), EOS]
    pieces = [ids[start : start + 24] for start in range(0, len(ids) - 1, 23)]
    assert len(pieces) > 3 and all(piece in found for piece in pieces)


def test_positions_begin_anew_and_targets_follow(batch):
    for ids, positions, targets, mask in segments_of(batch):
        assert positions.tolist() == list(range(len(ids)))
        assert mask.tolist() == [True] * (len(ids) - 1) + [False]
        assert targets[:-1].tolist() == ids[1:].tolist()
    padding = batch.segments == 0
    assert (batch.ids[padding] == PAD).all() and not batch.mask[padding].any()
    assert padding[-1].all()  # the row that was asked for and is not there


def test_rows_are_nearly_full(tokenizer, tmp_path):
    rows = toy_rows(300, length=9) + toy_rows(300, length=4, seed=1)
    packed = build_packed(rows, tokenizer, tmp_path, 64, "many")
    held = packed.tokens + packed.documents  # <bos> too
    assert held / (len(packed) * 64) > 0.95
    unpacked = 600 * 64
    assert len(packed) * 64 < unpacked / 3


def test_a_pass_takes_every_row_once_and_repeats(packed):
    one, again, other = (packed_batches(packed, 4, 0, epoch) for epoch in (0, 0, 1))
    assert sorted(np.concatenate(one).tolist()) == list(range(len(packed)))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_same_documents_are_not_read_again(tokenizer, packed):
    def unread():
        raise AssertionError
        yield

    again = build_packed(unread(), tokenizer, packed.folder.parent, 24, "toy")
    assert again.folder == packed.folder and len(again) == len(packed)


def test_nothing_is_no_row(tokenizer, tmp_path):
    empty = build_packed([], tokenizer, tmp_path, 16, "none")
    assert len(empty) == empty.tokens == 0 and packed_batches(empty, 4, 0, 0) == []


def test_a_torn_folder_is_told(tokenizer, tmp_path):
    packed = build_packed(texts(3), tokenizer, tmp_path, 16, "toy")
    meta = json.loads((packed.folder / "packed.json").read_text())
    (packed.folder / "packed.json").write_text(json.dumps({**meta, "rows": 9}))
    with pytest.raises(DataError, match="must hold packed tokens"):
        PackedTokens(packed.folder)


def test_pieces_can_be_cut_in_another_way(documents, tokenizer, tmp_path):
    def cut_in_two(ids, length):
        return [[7, *ids[: length - 1]], [8, *ids[:2]]]

    packed = build_packed(documents, tokenizer, tmp_path, 24, "two", cut_in_two)
    batch = packed.batch(np.arange(len(packed)), len(packed))
    starts = [ids[0] for ids, *_ in segments_of(batch)]
    assert sorted(starts) == [7] * len(documents) + [8] * len(documents)
