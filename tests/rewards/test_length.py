import math
import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.length import (
    LengthBandPenalty,
    LengthRatioPenalty,
    SoftOverlongPenalty,
)


def words(count):
    return " ".join(["word"] * count)


def ratio_penalty(count, *wanted, **band):
    reward = LengthRatioPenalty(**band)
    return reward([""], [words(count)], [[words(n) for n in wanted]])[0]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (20, 0.0),
        (25, 0.0),  # 25 / 20 is the upper end
        (16, 0.0),  # 16 / 20 is the lower one
        (26, -math.log(26 / 25)),
        (15, -math.log(16 / 15)),
        (50, -math.log(2)),
        (8, -math.log(2)),  # half as long is as bad as twice as long
        (67, -math.log(67 / 25)),
        (68, -1.0),  # 25 * e = 67.96
        (1000, -1.0),
        (1, -1.0),
        (0, -1.0),
    ],
)
def test_ratio(count, expected):
    assert ratio_penalty(count, 20) == pytest.approx(expected, abs=1e-12)


def test_a_band_above_1_penalises_what_is_only_a_little_short():
    band = {"low": 1.0, "high": 2.0}
    found = [ratio_penalty(count, 20, **band) for count in (19, 20, 40, 41)]
    assert found == [
        pytest.approx(-math.log(20 / 19)),
        0.0,
        0.0,
        pytest.approx(-math.log(41 / 40)),
    ]


def test_ratio_takes_the_mildest_reference():
    assert ratio_penalty(20, 5, 19, 60) == 0.0
    assert ratio_penalty(20, 0, 10) == pytest.approx(-math.log(2 / 1.25))


def test_ratio_without_a_reference_does_not_apply():
    assert ratio_penalty(20) is None
    assert ratio_penalty(20, 0) is None


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (4, 0.0),
        (8, 0.0),
        (6, 0.0),
        (3, -math.log(4 / 3)),
        (9, -math.log(9 / 8)),
        (1, -1.0),  # ln 4 = 1.39
        (0, -1.0),
    ],
)
def test_band(count, expected):
    found = LengthBandPenalty(4, 8)([""], [words(count)], [[]])
    assert found == [pytest.approx(expected, abs=1e-12)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (16, 0), (17, -0.25), (18, -0.5), (20, -1), (21, -1), (99, -1)],
)
def test_overlong(count, expected):
    # DAPO, equation 13, with limit 20 and buffer 4
    found = SoftOverlongPenalty(20, 4)([""], [words(count)], [[]])
    assert found == [expected]
    assert str(found[0]) != "-0.0"


def test_words_not_characters_or_punctuation_are_counted():
    reward = LengthBandPenalty(2, 2)
    assert reward([""] * 2, ["one -- two!", "incomprehensibilities"], [[]] * 2) == [
        0.0,
        pytest.approx(-math.log(2)),
    ]
    assert SoftOverlongPenalty(4, 2, "cjk")([""], ["今天天"], [[]]) == [-0.5]
    assert LengthBandPenalty(4, 4, "cjk")([""], ["今天天气"], [[]]) == [0.0]
    found = LengthRatioPenalty(1.0, 1.0, "cjk")([""], ["今天天气"], [["今天"]])
    assert found == [pytest.approx(-math.log(2))]


@pytest.mark.parametrize(
    "band", [(0.0, 1.0), (-1.0, 1.0), (1.2, 1.1), (1.0, math.inf), (math.nan, 1.0)]
)
def test_ratios_are_checked(band):
    with pytest.raises(ConfigError, match="0 < low <= high, words.*Received: low="):
        LengthRatioPenalty(*band)


@pytest.mark.parametrize("band", [(0, 5), (6, 5)])
def test_band_is_checked(band):
    with pytest.raises(ConfigError, match="1 <= low <= high words. Received: low="):
        LengthBandPenalty(*band)


@pytest.mark.parametrize("limits", [(10, 0), (10, 11), (0, 1)])
def test_limits_are_checked(limits):
    with pytest.raises(ConfigError, match="1 <= buffer <= limit.*Received: limit="):
        SoftOverlongPenalty(*limits)


def test_pickles():
    rewards = LengthRatioPenalty(0.9, 1.5), LengthBandPenalty(1, 2)
    for reward in (*rewards, SoftOverlongPenalty(9, 3)):
        assert pickle.loads(pickle.dumps(reward)) == reward
