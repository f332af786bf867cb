import dataclasses
import math
import re

import pytest

from nutgraf.errors import ConfigError
from nutgraf.ranges import check_folds, check_options, check_ranges


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


ALLOWED = {
    "best": "integer [1, 4)",
    "limit": "> 1 or None",
    "kind": ("one", "other"),
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"best": 4}, "best must be an integer in [1, 4). Received: best=4. Leave"),
        ({"best": 1.5}, "best must be an integer in"),
        ({"best": None}, "Received: best=None"),
        ({"limit": 1}, "limit must be a number > 1, or None. Received: limit=1. "),
        ({"limit": math.nan}, "Received: limit=nan"),
        ({"kind": "else"}, "kind must be one of one, other. Received: kind='else'"),
    ],
)
def test_options_that_may_not_be_are_named(wrong, message):
    fine = {"best": 3, "limit": None, "kind": "one"}
    check_options(fine, **ALLOWED)
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_options({**fine, **wrong}, **ALLOWED)


def test_all_wrong_options_are_named():
    with pytest.raises(ConfigError, match="(?s)best must.*limit must.*kind must"):
        check_options({"best": 0, "limit": 0, "kind": 0}, **ALLOWED)
