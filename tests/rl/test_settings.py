import pytest

from nutgraf.errors import ConfigError
from nutgraf.rl.settings import RLSettings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 0}, "samples must be an integer >= 1"),
        ({"overlong_buffer": 32}, r"overlong_buffer must be in \[0, 32\)"),
        ({"updates": 0}, "updates must be an integer >= 1"),
        ({"kl_weight": -0.1}, "kl_weight must be a number >= 0"),
        ({"warmup": -1}, "warmup must be an integer >= 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a number > 0"),
        ({"temperature": 0.0}, "temperature must be a number > 0. Received: .*0.0"),
        ({"top_p": 2.0}, r"top_p must be in \(0, 1\].*top_p=2.0"),
        ({"top_k": -1}, r"top_k must be an integer >= 0.*top_k=-1"),
        ({"prompts": 16, "micro_prompts": 5}, "micro_prompts must divide prompts=16"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        RLSettings(**changes)


def test_samples_are_no_longer_than_what_the_model_writes():
    settings = RLSettings(length=12)
    assert settings.fitted(12) is settings
    with pytest.raises(ConfigError, match="rl.length must be at most 11.*length=12. L"):
        settings.fitted(11)
