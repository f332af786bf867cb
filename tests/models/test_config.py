import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.config import SIZES, ModelConfig, named_config


def test_every_size_makes_a_config():
    for size in SIZES:
        assert named_config(size).vocabulary_size == 30_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 100, "heads": 3}, "multiple of heads.*width=100, heads=3"),
        ({"width": 0}, "width must be an integer >= 1"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"vocabulary_size": 3}, "at least 4"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**{"vocabulary_size": 100, **changes})


def test_unknown_size_and_keys_are_named():
    with pytest.raises(ConfigError, match="tiny, small, base, article.*'huge'"):
        named_config("huge")
    with pytest.raises(ConfigError, match="widht"):
        ModelConfig.from_dict({"vocabulary_size": 10, "widht": 3})
