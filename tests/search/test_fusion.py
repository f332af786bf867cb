import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.search.fusion import fuse


def test_by_hand():
    numbers, scores = fuse([np.array([5, 2, 9]), np.array([2, 7])], 10)
    assert numbers.tolist() == [2, 5, 7, 9]
    expected = [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_ties_go_to_the_lowest_number_and_top_cuts():
    assert fuse([np.array([8]), np.array([3])], 1)[0].tolist() == [3]


def test_one_ranking_stays_as_it_is_and_none_is_empty():
    own = np.array([4, 0, 2])
    assert fuse([own, np.array([], np.int64)], 9)[0].tolist() == own.tolist()
    assert fuse([], 3)[0].tolist() == []


def test_a_lower_k_trusts_the_first_ranks_more():
    rankings = [np.array([1, 2]), np.array([3, 2]), np.array([4, 5])]
    assert fuse(rankings, 1, k=0)[0].tolist() == [1]
    assert fuse(rankings, 1)[0].tolist() == [2]
    with pytest.raises(ConfigError, match="k must be >= 0"):
        fuse(rankings, 1, k=-1)
