"""Tau-b and rho: SciPy's numbers, ties, missing values, many lists at once."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from nutgraf.errors import DataError
from nutgraf.metrics.correlation import kendall, spearman

FROZEN = Path(__file__).parent / "frozen" / "correlation.json"
BOTH = {"kendall": kendall, "spearman": spearman}


@pytest.mark.parametrize("name", BOTH)
def test_equals_scipy(name):
    read = json.loads(FROZEN.read_text(encoding="utf-8"))
    assert read["command"] == "python tests/oracles/make_correlation.py"
    assert len(read["cases"]) == 23
    for case in read["cases"]:
        found = float(BOTH[name](case["x"], case["y"]))
        if case[name] is None:
            assert math.isnan(found), case
        else:
            assert found == pytest.approx(case[name], abs=1e-10), case


def test_by_hand():
    # Of six pairs four agree, one is tied in x, one (2 < 3, 4 > 3) is opposite.
    x, y = [1, 2, 2, 3], [1, 2, 4, 3]
    assert kendall(x, y) == pytest.approx((4 - 1) / math.sqrt(5 * 6))
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 4, 3, minus 2.5.
    assert spearman(x, y) == pytest.approx(3.0 / math.sqrt(4.5 * 5.0))


@pytest.mark.parametrize("measure", BOTH.values())
def test_many_lists_are_each_one_alone(measure):
    x, y = np.random.default_rng(0).integers(0, 4, (2, 3, 5, 7)).astype(float)
    found = measure(x, y)
    assert found.shape == (3, 5)
    for place in np.ndindex(3, 5):
        np.testing.assert_array_equal(found[place], measure(x[place], y[place]))


@pytest.mark.parametrize("measure", BOTH.values())
def test_missing_is_the_same_as_left_out(measure):
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, (2, 9)).astype(float)
    x[[1, 4]], y[[4, 7]] = np.nan, np.nan
    kept = [0, 2, 3, 5, 6, 8]
    np.testing.assert_allclose(measure(x, y), measure(x[kept], y[kept]), rtol=1e-12)


@pytest.mark.parametrize("measure", BOTH.values())
def test_only_the_order_counts(measure):
    x, y = np.random.default_rng(2).normal(size=(2, 12))
    found = measure(x, y)
    np.testing.assert_allclose(measure(np.exp(x), 3 * y - 7), found, rtol=1e-12)
    np.testing.assert_allclose(measure(-x, y), -found, rtol=1e-12)
    np.testing.assert_allclose(measure(y, x), found, rtol=1e-12)


@pytest.mark.parametrize("measure", BOTH.values())
def test_what_is_undefined_is_nan_without_a_warning(measure):
    nan = math.nan
    for x, y in (
        ([1, 1], [1, 2]),
        ([1], [1]),
        ([], []),
        ([1, nan, 3], [nan, 2, 3]),
        ([nan, nan], [nan, nan]),
    ):
        assert math.isnan(measure(x, y))


@pytest.mark.parametrize("measure", BOTH.values())
def test_infinite_is_the_largest(measure):
    assert measure([1.0, math.inf, -math.inf], [2, 3, 1]) == pytest.approx(1.0)


@pytest.mark.parametrize("measure", BOTH.values())
def test_shapes_must_be_the_same(measure):
    with pytest.raises(DataError, match=r"Received: \(2,\) and \(3,\)"):
        measure([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="same shape"):
        measure(1.0, 2.0)
