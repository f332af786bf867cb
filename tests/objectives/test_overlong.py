"""The soft overlong penalty against TRL, its slope and its ends."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.overlong import soft_overlong_penalty


def test_literal():
    lengths = np.int32([[0, 80, 85], [90, 100, 300]])
    found = to_numpy(soft_overlong_penalty(lengths, limit=100, buffer=20))
    assert found.tolist() == [[0, 0, -0.25], [-0.5, -1, -1]]


def test_equal_to_trl(frozen):
    for case in frozen("overlong"):
        found = to_numpy(soft_overlong_penalty(**case.inputs))
        np.testing.assert_allclose(found, case.expected["penalty"], rtol=1e-5)


def test_longer_is_never_better():
    found = to_numpy(soft_overlong_penalty(np.arange(200), limit=100, buffer=100))
    assert (np.diff(found) <= 0).all() and found[0] == 0 and found[-1] == -1


@pytest.mark.parametrize("buffer", [0, 101])
def test_buffer_lies_before_the_limit(buffer):
    with pytest.raises(ConfigError, match=r"buffer must be in \[1, limit\] tokens"):
        soft_overlong_penalty(np.int32([1]), limit=100, buffer=buffer)
