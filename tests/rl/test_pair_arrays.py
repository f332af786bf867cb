import pytest

from nutgraf.data.pair_groups import group_pairs
from nutgraf.data.pairs import Pair
from nutgraf.models.texts import text_ids
from nutgraf.rl.pair_arrays import PairTable

PAIRS = [
    Pair("the red house", "a red house", "a river", 2.0),
    Pair("the red house", "a red house", "a river", 1.0),
    Pair("the red house", "a river", "old", None),
    Pair("a data file " * 12, "data", "the old old river reads", 0.5),
    Pair("blue " * 60, "blue", "red"),
]


@pytest.fixture
def table(policy):
    return PairTable(group_pairs(PAIRS), policy.codec)


def batch_of(table, numbers):
    return table.codec.batch([table.rows[number] for number in numbers])


def test_texts_and_wins_lie_side_by_side(table):
    given = table.arrays([0, 1], batch_of(table, [0, 1]), 3, 8)
    ids = text_ids(table.codec.tokenizer, ["a red house", "a river", "old"])
    for number, text in enumerate(ids):
        assert given.actions[0, number][given.mask[0, number]].tolist() == text
    assert not given.mask[1, 2].any()  # the second prompt has two texts
    assert given.wins[0].tolist() == [[0, 2, 0], [0, 0, 1], [0, 0, 0]]
    assert given.margins[0, 0, 1] == 1.5  # the mean of 2 and 1
    assert given.margins[1, 0, 1] == 0.5
    assert given.wins.sum() == 4


def test_what_is_too_long_is_counted_and_cut(table):
    assert table.most == 3 and len(table) == 3
    assert table.source_lengths[2] > table.codec.max_source
    prompts, texts = table.cut()
    assert prompts == 1 / 3 and texts == 0.0
    assert table.longest <= table.codec.max_target
    given = table.arrays([1], batch_of(table, [1]), 2, 3)
    assert given.actions.shape == (1, 2, 3) and given.mask[0, 1].all()


@pytest.mark.parametrize("prompts", [1, 2, 4])
def test_all_groups_are_gone_through_once(table, prompts):
    batches = list(table.in_order(prompts, [32, 48], 3, 8))
    assert all(given.wins.shape == (prompts, 3, 3) for given in batches)
    assert all(given.batch.target_ids.shape == (prompts, 1) for given in batches)
    assert sum(given.wins.sum() for given in batches) == len(PAIRS)
    assert {given.batch.source_ids.shape[1] for given in batches} == {32, 48}


def test_no_pairs_make_an_empty_table(policy):
    table = PairTable([], policy.codec)
    assert len(table) == table.most == table.longest == 0
    assert list(table.in_order(2, [48], 2, 8)) == []
    assert table.cut() == (0.0, 0.0)
