from types import SimpleNamespace

import numpy as np
import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import DataError
from nutgraf.rl.prompts import CHUNK, PromptSchedule, schedule_prompts


def schedule(seed=0, count=103):
    lengths = np.random.default_rng(1).integers(5, 60, count)
    return lengths, PromptSchedule(lengths, 8, (16, 32, 48), seed)


def test_a_plan_is_a_pure_function_of_seed_and_update():
    _, one = schedule()
    _, two = schedule()
    two.plan(40)  # looked at out of order
    for update in (0, 5, 13, 40):
        np.testing.assert_array_equal(one.plan(update).rows, two.plan(update).rows)
    _, other = schedule(seed=1)
    assert (other.plan(0).rows != one.plan(0).rows).any()


def test_a_pass_draws_no_row_twice_and_sources_fit():
    lengths, found = schedule()
    per_pass = len(lengths) // 8
    plans = [found.plan(update) for update in range(per_pass)]
    drawn = np.concatenate([plan.rows for plan in plans])
    assert len(np.unique(drawn)) == len(drawn) == per_pass * 8
    for plan in plans:
        assert plan.source_length in (16, 32, 48)
        assert (np.minimum(lengths[plan.rows], 48) <= plan.source_length).all()
    again = np.concatenate([found.plan(per_pass + u).rows for u in range(per_pass)])
    assert (again != drawn).any()


def test_too_few_rows_are_named():
    with pytest.raises(DataError, match=r"prompts per update \(8\).*3 rows"):
        PromptSchedule([1, 2, 3], 8, (16,), 0)


class Letters:
    """A tokenizer whose tokens are characters."""

    def __init__(self):
        self.largest_batch = 0

    def encode_batch(self, texts):
        self.largest_batch = max(self.largest_batch, len(texts))
        return [list(text) for text in texts]


def test_lengths_are_found_in_chunks():
    lengths = np.random.default_rng(2).integers(0, 60, 2 * CHUNK + 7)
    rows = [Row(str(place), "x" * length) for place, length in enumerate(lengths)]
    codec = SimpleNamespace(tokenizer=Letters(), max_source=48)
    found = schedule_prompts(rows, codec, 8, (64, 32, 16), 3)
    expected = PromptSchedule(lengths, 8, (16, 32, 48), 3)
    for update in range(2 * len(rows) // 8):
        one, other = found.plan(update), expected.plan(update)
        assert one.source_length == other.source_length
        np.testing.assert_array_equal(one.rows, other.rows)
    assert codec.tokenizer.largest_batch == CHUNK


def test_a_codec_that_knows_what_its_model_reads_measures():
    rows = [Row(str(length), "x" * length) for length in range(4, 12)]
    codec = SimpleNamespace(
        max_source=32, source_lengths=lambda rows: [len(r.document) + 9 for r in rows]
    )
    schedule = schedule_prompts(rows, codec, 2, (16,), 0)
    plans = [schedule.plan(update) for update in range(4)]
    assert {plan.source_length for plan in plans} == {16, 32}
    for plan in plans:
        assert all(int(rows[n].id) + 9 <= plan.source_length for n in plan.rows)
