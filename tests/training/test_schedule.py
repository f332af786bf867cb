import math

import pytest

from nutgraf.errors import ConfigError
from nutgraf.training.schedule import learning_rate

SETTINGS = {"peak": 2.0, "warmup": 4, "total": 12, "floor": 0.1}


def rates(count, **changes):
    return [learning_rate(step, **{**SETTINGS, **changes}) for step in range(count)]


def test_the_rate_rises_linearly_then_falls_along_half_a_cosine():
    found = rates(13)
    assert found[:4] == [0.5, 1.0, 1.5, 2.0]
    # after the warm-up: floor + (peak - floor) · (1 + cos(π · done)) / 2
    assert found[4] == pytest.approx(2.0)
    assert found[6] == pytest.approx(0.2 + 1.8 * 0.5 * (1 + math.cos(math.pi / 4)))
    assert found[8] == pytest.approx(1.1)  # halfway between 2.0 and 0.2
    assert found[12] == pytest.approx(0.2)


def test_after_the_end_the_rate_stays_at_the_floor():
    assert rates(40)[12:] == pytest.approx([0.2] * 28)


def test_every_update_is_positive_and_none_is_above_the_peak():
    found = rates(12, floor=0.0)
    assert min(found) > 0
    assert max(found) == 2.0


def test_without_warmup_the_first_rate_is_the_peak():
    assert rates(1, warmup=0) == [2.0]


def test_a_run_that_is_all_warmup_reaches_the_peak():
    assert rates(4, total=4) == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    "change", [{"peak": 0.0}, {"warmup": -1}, {"total": 0}, {"floor": 1.5}]
)
def test_settings_out_of_range_are_named(change):
    (name,) = change
    with pytest.raises(ConfigError, match=f"Received: .*{name}={change[name]}"):
        learning_rate(0, **{**SETTINGS, **change})
