import numpy as np
import pytest

from nutgraf.metrics.statistics import Statistics, mean_of, ratio_of


def test_a_mean_and_a_ratio_by_hand():
    mean = mean_of([1.0, 2.0, 6.0])
    assert (mean.total, mean.values.tolist()) == (3.0, [1.0, 2.0, 6.0])
    ratio = ratio_of([1, 9], [2, 3])
    assert ratio.total == 2.0  # 10 / 5, not the mean of 1/2 and 3
    assert ratio.values.tolist() == [0.5, 3.0]


def test_nothing_below_counts_as_one():
    assert ratio_of([3.0], [0.0]).total == 3.0
    assert mean_of([]).total == 0.0


def test_the_score_of_any_choice_is_that_of_its_sums():
    random = np.random.default_rng(0)
    found = ratio_of(random.integers(0, 9, 20), random.integers(1, 9, 20))
    chosen = random.integers(0, 20, 50)
    counts = np.bincount(chosen, minlength=20)
    again = Statistics(found.rows[chosen], found.score)
    assert found.score(counts @ found.rows) == pytest.approx(again.total)
