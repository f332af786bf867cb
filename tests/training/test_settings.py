import pytest

from nutgraf.errors import ConfigError
from nutgraf.training.settings import SupervisedSettings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be an integer >= 1. Received: epochs=0"),
        ({"accumulate": 0}, "accumulate must be an integer >= 1"),
        ({"checkpoint_every": 0}, "checkpoint_every must be an integer >= 1"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be a number in \[0, 1\)"),
        ({"dropout": -0.1}, r"dropout must be a number in \[0, 1\)"),
        ({"floor": 1.5}, r"floor must be a number in \[0, 1\)"),
        (
            {"warmup": -1},
            "warmup must be an integer >= 0. Received: warmup=-1. Leave it out for",
        ),
        ({"learning_rate": 0.0}, "learning_rate must be a number > 0"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        SupervisedSettings(**changes)
