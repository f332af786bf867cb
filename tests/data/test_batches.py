import itertools

import numpy as np
import pytest

from nutgraf.arrays import EOS, PAD
from nutgraf.data.batches import (
    BatchPlan,
    BatchShape,
    choose_shapes,
    epoch_batches,
    materialise,
    padding_share,
)
from nutgraf.data.cache import build_cache
from nutgraf.data.rows import Row, row_number
from nutgraf.errors import ConfigError, DataError

MAX_SOURCE, MAX_TARGET, TOKENS = 100, 20, 600


class Words:
    vocabulary_size = 100
    fingerprint = "words"

    def encode_batch(self, texts):
        return [[int(word) for word in text.split()] for text in texts]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    random = np.random.default_rng(0)
    rows = []
    for number in range(500):
        source = random.integers(3, 99, random.integers(1, 120))
        target = random.integers(3, 99, random.integers(1, 25))
        texts = [" ".join(map(str, ids)) for ids in (source, target)]
        rows.append(Row(f"r{number}", texts[0], (texts[1],)))
    folder = tmp_path_factory.mktemp("cache")
    return build_cache(rows, Words(), folder, MAX_SOURCE, MAX_TARGET, "random")


@pytest.fixture(scope="module")
def shapes(cache):
    lengths = (cache.source_lengths, cache.target_lengths)
    return choose_shapes(*lengths, MAX_SOURCE, MAX_TARGET, TOKENS)


def test_shapes_are_few_round_and_within_the_budget(cache, shapes):
    assert 1 < len(shapes) <= 4
    for shape in shapes:
        assert shape.source % 8 == 0 or shape.source == MAX_SOURCE
        assert shape.target % 8 == 0 or shape.target == MAX_TARGET
        assert shape.rows >= 1
        assert shape.rows * (shape.source + shape.target) <= TOKENS
        assert (shape.rows + 1) * (shape.source + shape.target) > TOKENS
    assert shapes[-1][:2] == (MAX_SOURCE, MAX_TARGET)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_other_source_lengths_waste_less(count):
    lengths = np.random.default_rng(count).integers(1, 90, 40)

    def filled_up(edges):
        return sum(min(edge for edge in edges if edge >= one) for one in lengths)

    found = choose_shapes(lengths, lengths, 89, 89, 178, 2 * count)
    edges = sorted({shape.source for shape in found})
    last = max(edges)
    others = itertools.combinations(range(8, last, 8), count - 1)
    assert filled_up(edges) == min(filled_up((*some, last)) for some in others)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_there_are_at_most_as_many_shapes_as_asked(cache, count):
    lengths = (cache.source_lengths, cache.target_lengths)
    chosen = choose_shapes(*lengths, MAX_SOURCE, MAX_TARGET, TOKENS, count)
    assert len(chosen) <= count


def test_one_row_must_fit():
    assert choose_shapes(np.array([9]), np.array([3]), 100, 20, 120)[0].rows >= 1
    with pytest.raises(ConfigError, match=r"\(100 \+ 20\)\. Received: 119"):
        choose_shapes(np.array([9]), np.array([3]), 100, 20, 119)


def test_no_rows_make_no_shapes():
    with pytest.raises(DataError, match="one or more rows"):
        choose_shapes(np.zeros(0, int), np.zeros(0, int), 100, 20, 120)


def test_an_epoch_has_every_row_once_and_cuts_none(cache, shapes):
    plans = epoch_batches(cache, shapes, seed=3, epoch=0)
    indices = np.concatenate([plan.indices for plan in plans])
    assert sorted(indices) == list(range(len(cache)))
    for shape, chosen in plans:
        assert shape in shapes
        assert 1 <= len(chosen) <= shape.rows
        assert cache.source_lengths[chosen].max() <= shape.source
        assert cache.target_lengths[chosen].max() <= shape.target
    for shape in shapes:
        partial = [p for p in plans if p.shape == shape and len(p.indices) < shape.rows]
        assert len(partial) <= 1


def order(plans):
    return [tuple(plan.indices) for plan in plans]


def test_the_order_is_a_function_of_seed_and_epoch(cache, shapes):
    first = order(epoch_batches(cache, shapes, 3, 5))
    epoch_batches(cache, shapes, 9, 9)
    np.random.default_rng().random()
    assert order(epoch_batches(cache, shapes, 3, 5)) == first
    assert order(epoch_batches(cache, shapes, 3, 6)) != first
    assert order(epoch_batches(cache, shapes, 4, 5)) != first


def test_batches_hold_the_rows_and_nothing_else(cache, shapes):
    plans = epoch_batches(cache, shapes, 0, 0)
    for plan in plans:
        batch = materialise(cache, plan)
        shape = plan.shape
        assert batch.source_ids.shape == (shape.rows, shape.source)
        assert batch.target_mask.shape == (shape.rows, shape.target)
        assert batch.row_ids.dtype == batch.source_ids.dtype == np.int32
        for row, index in enumerate(plan.indices):
            source = batch.source_ids[row][batch.source_mask[row]]
            target = batch.target_ids[row][batch.target_mask[row]]
            np.testing.assert_array_equal(source, cache.source(index))
            np.testing.assert_array_equal(target, cache.target(index))
            assert batch.row_ids[row] == row_number(f"r{index}")
        assert (batch.source_ids[~batch.source_mask] == PAD).all()
        assert (batch.target_ids[~batch.target_mask] == PAD).all()
        empty = len(plan.indices)
        assert not batch.source_mask[empty:].any()
        assert not batch.target_mask[empty:].any()


def test_rows_of_other_data_are_cut_without_end(cache):
    longest = int(np.argmax(cache.target_lengths))
    plan = BatchPlan(BatchShape(16, 8, 2), np.array([longest]))
    batch = materialise(cache, plan)
    assert batch.target_mask[0].all()
    assert EOS not in batch.target_ids[0]
    places = epoch_batches(cache, (BatchShape(16, 8, 5),), 0, 0)
    assert sum(len(p.indices) for p in places) == len(cache)


def test_the_share_of_padding_is_counted(cache, shapes):
    plans = epoch_batches(cache, shapes, 0, 0)
    room = held = 0
    for plan in plans:
        batch = materialise(cache, plan)
        room += batch.source_ids.size + batch.target_ids.size
        held += int(batch.source_mask.sum() + batch.target_mask.sum())
    assert padding_share(cache, plans) == pytest.approx(1 - held / room, rel=1e-12)
    assert padding_share(cache, []) == 1.0


def test_more_shapes_pad_less(cache):
    lengths = (cache.source_lengths, cache.target_lengths)
    shares = []
    for count in (1, 4, 12):
        chosen = choose_shapes(*lengths, MAX_SOURCE, MAX_TARGET, TOKENS, count)
        shares.append(padding_share(cache, epoch_batches(cache, chosen, 0, 0)))
    assert shares[0] > shares[1] > shares[2]
