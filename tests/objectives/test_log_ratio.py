import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.objectives.log_ratio import (
    LIMIT,
    finite_log_probs,
    log_ratio,
    log_ratio_clamped,
)

NEVER = -np.inf
P = np.float32([-1.0, -1.0, NEVER, NEVER, -300.0, 0.0])
Q = np.float32([-3.0, NEVER, -1.0, NEVER, -0.5, -300.0])


def test_difference_is_exact_where_both_are_possible():
    found = to_numpy(log_ratio(P, Q))
    assert found[[0, 4, 5]].tolist() == [2.0, -299.5, 300.0]
    assert found[3] == 0.0
    assert found[1] > 1e8 and found[2] < -1e8 and np.isfinite(found).all()


def test_clamped_has_the_same_sign_and_a_limit():
    found = to_numpy(log_ratio_clamped(P, Q))
    assert found.tolist() == [2.0, LIMIT, -LIMIT, 0.0, -LIMIT, LIMIT]


@pytest.mark.parametrize("function", [log_ratio, log_ratio_clamped])
def test_gradient_is_one_within_the_limits_and_never_nan(function, gradient):
    from keras import ops

    found = gradient(lambda p: ops.sum(function(p, Q)), P)
    assert np.isfinite(found).all()
    assert found[0] == 1.0
    # Equal log-probs are the normal case of a first update: no gradient may be lost.
    assert gradient(lambda p: ops.sum(function(p, Q[:1])), Q[:1]).tolist() == [1.0]


def test_finite_log_probs_change_nothing_but_minus_infinity(gradient):
    from keras import ops

    found = to_numpy(finite_log_probs(P))
    assert (found == np.where(P == NEVER, -1e9, P)).all()
    of = gradient(lambda p: ops.sum(finite_log_probs(p)), P)
    assert of.tolist() == np.isfinite(P).astype("float32").tolist()
