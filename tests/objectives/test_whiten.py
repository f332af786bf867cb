"""Whitening against verl and TRL; equal values, masks, extremes."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.objectives.whiten import centred, whiten


def random_case(seed=0, shape=(3, 2, 7)):
    rng = np.random.default_rng(seed)
    return rng.normal(2, 3, size=shape).astype("float32"), rng.random(shape) < 0.6


def test_literal():
    # mean 3, deviations -2 0 2, variance (n - 1) 4
    values, mask = (
        np.float32([[1, 3, 99], [5, 99, 99]]),
        np.array([[1, 1, 0], [1, 0, 0]], bool),
    )
    found = to_numpy(whiten(values, mask))
    np.testing.assert_allclose(found, [[-1, 0, 0], [1, 0, 0]], rtol=1e-6)
    kept = to_numpy(whiten(values, mask, centre=False))
    np.testing.assert_allclose(kept, [[2, 3, 0], [4, 0, 0]], rtol=1e-6)


def test_literal_centred():
    values, mask = np.float32([[1, 3], [5, 99]]), np.array([[1, 1], [1, 0]], bool)
    parts = [to_numpy(part).tolist() for part in centred(values, mask, axis=1)]
    assert parts == [[[-1, 1], [0, 0]], [[2], [5]], [[2], [1]]]


@pytest.mark.parametrize("package", ["verl", "trl"])
def test_equal_to_other_libraries(frozen, package):
    for case in frozen("whiten", package):
        values, mask = case.inputs["values"], case.inputs["mask"]
        for name, centre in (("centred", True), ("mean_kept", False)):
            found = to_numpy(whiten(values, mask, centre=centre))
            np.testing.assert_allclose(
                found[mask], case.expected[name][mask], rtol=1e-5, atol=1e-5
            )


def test_mean_and_variance():
    values, mask = random_case()
    found = to_numpy(whiten(values, mask))
    assert found[mask].mean() == pytest.approx(0, abs=1e-6)
    assert found[mask].std(ddof=1) == pytest.approx(1, rel=1e-5)
    kept = to_numpy(whiten(values, mask, centre=False))
    assert kept[mask].mean() == pytest.approx(values[mask].mean(), rel=1e-5)
    assert (found[mask].argsort() == values[mask].argsort()).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -1e30])
@pytest.mark.parametrize("centre", [True, False])
def test_masked_is_dropped_whatever_it_holds(poison, centre):
    values, mask = random_case()
    found = to_numpy(whiten(np.where(mask, values, poison), mask, centre=centre))
    dropped = to_numpy(whiten(values[mask], np.ones(mask.sum(), bool), centre=centre))
    np.testing.assert_allclose(found[mask], dropped, rtol=1e-5, atol=1e-6)
    assert not found[~mask].any()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4, -1e30])
def test_equal_values_give_exactly_zero(value):
    values = np.full((2, 7), value, "float32")
    assert not to_numpy(whiten(values, np.ones((2, 7), bool))).any()


def test_one_or_none_that_counts_gives_zero():
    values, mask = random_case()
    nothing = np.zeros_like(mask)
    for centre in (True, False):
        assert not to_numpy(whiten(values, nothing, centre=centre)).any()
    assert to_numpy(centred(values, nothing)[1]).item() == 0.0
    nothing.flat[3] = True
    assert not to_numpy(whiten(values, nothing)).any()


def test_huge_values_stay_finite():
    values = np.float32([1e30, -1e30, 0.0])
    assert np.isfinite(to_numpy(whiten(values, np.ones(3, bool)))).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="mask must have the shape"):
        whiten(np.ones((2, 3)), np.ones((2, 1), bool))
