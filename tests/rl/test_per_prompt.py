import numpy as np

from nutgraf.backend import to_numpy
from nutgraf.rl.per_prompt import prompt_sum_count, spread

MASK = np.zeros((3, 2, 4), bool)
MASK[0, 0, :3] = MASK[0, 1, :1] = MASK[1, 1, :2] = True  # prompt 2 has no token


def test_spread_and_summed_is_the_loss():
    shared = to_numpy(spread(np.float32([8, -4, 7]), MASK))
    assert shared[0, 0].tolist() == [2, 2, 2, 0]
    assert shared[1].tolist() == [[0] * 4, [-2, -2, 0, 0]]
    total, count = prompt_sum_count(shared, MASK)
    assert (float(total), float(count)) == (4, 2)


def test_nothing_counts_without_tokens():
    none = np.zeros((1, 2, 3), bool)
    total, count = prompt_sum_count(spread(np.float32([5]), none), none)
    assert (float(total), float(count)) == (0, 0)
