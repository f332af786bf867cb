import pytest

from nutgraf.errors import ConfigError
from nutgraf.evaluation.best_of import BestOf
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of


def longest(prompts, completions, references, rows=None):
    assert not any(references) and not any(row.references for row in rows)
    return [len(text) if text else None for text in completions]


def test_the_best_sample_is_kept_and_each_row_has_its_own(policy, rows):
    best = BestOf(policy, longest, 6, rows=4, length=8)(rows[:6])
    one = BestOf(policy, longest, 2, rows=4, length=8)(rows[:6])
    # samples 0 and 1 of a row are the same draws in both
    assert all(len(a) >= len(b) for a, b in zip(best, one, strict=True))
    assert sum(map(len, best)) > sum(map(len, one))
    assert len(set(best)) == 6


def test_a_text_the_reward_does_not_apply_to_is_taken_last(policy, rows):
    def picky(prompts, completions, references, rows=None):
        return [None if number % 3 else -1.0 for number in range(len(completions))]

    batch = policy.codec.batch(rows[:2])
    sampled = Sampler(policy, 3, 8)(weights_of(policy), batch)
    texts = policy.codec.render(batch, sampled.actions)
    best = BestOf(policy, picky, 3, rows=2, length=8)(rows[:2])
    assert best == [texts[0], texts[3]]


def test_one_sample_is_no_choice(policy):
    with pytest.raises(ConfigError, match="samples=1"):
        BestOf(policy, longest, 1)
