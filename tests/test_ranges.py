import dataclasses
import math

import pytest

from nutgraf.errors import ConfigError
from nutgraf.ranges import check_folds, check_ranges


@dataclasses.dataclass
class Settings:
    rows: int = 3
    rate: float = 0.5
    name: str = "a"


RANGES = {"rows": ">= 1", "rate": "(0, 1]"}


@pytest.mark.parametrize(
    "given", [{}, {"rows": 1}, {"rate": 1}, {"rate": 1e-9, "rows": 10**30}]
)
def test_what_is_in_range_passes(given):
    check_ranges(Settings(**given), **RANGES)


@pytest.mark.parametrize(
    "given",
    [
        {"rows": 0},
        {"rows": 2.0},
        {"rows": True},
        {"rows": "2"},
        {"rate": 0},
        {"rate": 1.01},
        {"rate": math.nan},
    ],
)
def test_what_is_not_is_refused(given):
    ((name, value),) = given.items()
    with pytest.raises(ConfigError, match=rf"^{name} must .*: {name}={value!r}\. "):
        check_ranges(Settings(**given), **RANGES)


def test_the_ends_of_a_range_are_in_it_or_not():
    low = Settings(rate=0.0)
    check_ranges(low, rate=">= 0")
    check_ranges(low, rate="[0, 1)")
    for text in ("> 0", "(0, 1)"):
        with pytest.raises(ConfigError):
            check_ranges(low, rate=text)
    with pytest.raises(ConfigError, match=r"a number in \[0, 1\)"):
        check_ranges(Settings(rate=1.0), rate="[0, 1)")
    with pytest.raises(ConfigError, match="a number >= 0. Received: rate=inf"):
        check_ranges(Settings(rate=math.inf), rate=">= 0")


def test_all_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        check_ranges(Settings(rows=0, rate=2.0), **RANGES)
    assert str(error.value).splitlines() == [
        "rows must be an integer >= 1. Received: rows=0. Leave it out for 3.",
        "rate must be a number in (0, 1]. Received: rate=2.0. Leave it out for 0.5.",
    ]


def test_folds_leave_something_to_learn_from():
    @dataclasses.dataclass
    class Folds:
        folds: int = 10

    for folds in (0, 2, 10):
        check_folds(Folds(folds))
    with pytest.raises(ConfigError, match="folds must be 0 .* folds=1. 10 is usual"):
        check_folds(Folds(1))
    with pytest.raises(ConfigError, match="folds must be an integer >= 0"):
        check_folds(Folds(-1))
