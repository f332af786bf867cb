import pytest

from nutgraf.errors import ConfigError
from nutgraf.search.settings import LoopSettings, TrainSearchSettings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidates": 1}, "candidates must be an integer >= 2"),
        ({"samples": 1}, "samples must be an integer >= 2"),
        ({"temperature": 0}, "temperature must be a number > 0"),
        ({"dropout": 1}, r"dropout must be a number in \[0, 1\)"),
        ({"max_length": 4}, "max_length must be an integer >= 5"),
        ({"folds": 1}, "folds must be 0"),
        ({"objective": "rl"}, "start must name a trained ranker for rl"),
    ],
)
def test_ranges(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainSearchSettings("index", "queries", "qrels", **changes)


@pytest.mark.parametrize("name", ["updates", "batch", "evaluate_every"])
def test_counts_of_the_loop(name):
    with pytest.raises(ConfigError, match=f"{name} must be an integer >= 1"):
        LoopSettings(**{name: 0})
