import pickle

import pytest

from nutgraf.errors import ConfigError
from nutgraf.rewards.annealed import Annealed
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.length import LengthBandPenalty, LengthRatioPenalty
from nutgraf.rewards.weighted import WeightedSum

BAND = LengthBandPenalty(4, 9)
GIVEN = ([""], [""], [[]])  # -1 in the band


@pytest.mark.parametrize(
    ("update", "weight"), [(0, 0.2), (1, 0.4), (3, 0.8), (4, 1.0), (400, 1.0)]
)
def test_weight_by_hand(update, weight):
    reward = Annealed(BAND, 0.2, 1.0, updates=4).at_update(update)
    assert reward.weight == pytest.approx(weight)
    assert reward(*GIVEN) == [pytest.approx(-weight)]


def test_it_can_fall_to_nothing():
    reward = Annealed(BAND, 1.0, 0.0, updates=2).at_update(2)
    assert str(reward(*GIVEN)[0]) == "0.0"


def test_the_number_of_the_update_is_all_that_matters():
    reward = WeightedSum({"length": (Annealed(BAND, 0.0, 1.0, 10), 2.0)})
    straight = [score_completions(reward, *GIVEN, update=n)[0] for n in range(12)]
    again = pickle.loads(pickle.dumps(reward))
    resumed = [score_completions(again, *GIVEN, update=n)[0] for n in range(6, 12)]
    assert straight[6:] == resumed
    assert straight[5] == [-1.0] and straight[11] == [-2.0]


def test_the_reward_itself_is_logged():
    _, parts = score_completions(Annealed(BAND, 0.5, 0.5), *GIVEN)
    assert parts == {"LengthBandPenalty": [-1.0]}


def test_none_stays_none():
    assert Annealed(LengthRatioPenalty())(*GIVEN) == [None]


@pytest.mark.parametrize(
    "options", [{"start": -0.1}, {"end": float("inf")}, {"updates": 0}]
)
def test_values_are_checked(options):
    with pytest.raises(ConfigError, match="weights >= 0, updates at least 1"):
        Annealed(BAND, **options)
