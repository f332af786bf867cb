import numpy as np
import pytest

from nutgraf.models.bert_inputs import (
    bert_batch,
    bert_batches,
    joined_texts,
    padded_length,
)
from nutgraf.text.bert_tokenizer import BertTokenizer, Joined

TEXTS = ["red cat", "blue dog red cat", "", "cat"]


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer.train(TEXTS * 3, 60)


@pytest.mark.parametrize(
    ("length", "limit", "expected"),
    [
        (1, 512, 16),
        (16, 512, 16),
        (17, 512, 32),
        (33, 512, 48),
        (96, 512, 96),
        (97, 512, 128),
        (400, 512, 512),
        (49, 50, 50),
    ],
)
def test_lengths_are_few(length, limit, expected):
    assert padded_length(length, limit) == expected


def test_inputs_lie_side_by_side(tokenizer):
    joined = joined_texts(tokenizer, TEXTS, [*reversed(TEXTS)], 9)
    batch = bert_batch(joined, 9, rows=6)
    assert batch.ids.shape == batch.mask.shape == batch.segments.shape == (6, 9)
    for number, one in enumerate(joined):
        size = len(one.ids)
        assert batch.ids[number, :size].tolist() == one.ids
        assert batch.segments[number, :size].tolist() == one.segments
        assert batch.mask[number].sum() == size and not batch.ids[number, size:].any()
    assert not batch.mask[4:].any()


def test_a_text_alone_is_one_segment(tokenizer):
    found = joined_texts(tokenizer, TEXTS, max_length=4)
    assert [len(one.ids) for one in found] == [4, 4, 2, 3]
    assert not any(any(one.segments) for one in found)


def inputs(lengths):
    return [Joined([5] * n, [0] * n, [(0, 0)] * n) for n in lengths]


@pytest.mark.parametrize("count", [1, 5, 40, 700])
def test_batches_hold_each_input_once_in_few_shapes(count):
    lengths = np.random.default_rng(count).integers(2, 60, count)
    seen, shapes = [], set()
    for part, batch in bert_batches(inputs(lengths), 50):
        seen += part
        shapes.add(batch.ids.shape)
        assert batch.mask.sum(axis=1)[: len(part)].tolist() == [
            min(lengths[n], 50) for n in part
        ]
        assert not batch.mask[len(part) :].any()
        assert batch.ids.size <= 8192 or len(part) == 1
    assert sorted(seen) == list(range(count))
    assert len(shapes) <= 8
    assert {rows for rows, _ in shapes} <= {1, 8, 64, 512, 256, 170, 163}
