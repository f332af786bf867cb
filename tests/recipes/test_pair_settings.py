import subprocess
import sys

import pytest

from nutgraf.errors import ConfigError
from nutgraf.recipes.pair_settings import PreferSettings, RewardModelSettings


@pytest.mark.parametrize("kind", [PreferSettings, RewardModelSettings])
def test_folds_are_none_or_some(kind):
    assert kind("pairs.jsonl", folds=0).folds == 0
    for wrong in (1, -2):
        with pytest.raises(ConfigError, match=f"folds={wrong}"):
            kind("pairs.jsonl", folds=wrong)


@pytest.mark.parametrize(
    "wrong", [{"margin_weight": -1}, {"centring_weight": -1}, {"dropout": 1.0}]
)
def test_wrong_settings_of_a_reward_model_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name}={wrong[name]}"):
        RewardModelSettings("pairs.jsonl", **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"beta": 0}, {"label_smoothing": 0.5}, {"loss": "ipo", "label_smoothing": 0.1}],
)
def test_wrong_settings_of_preferences_are_named(wrong):
    name = list(wrong)[-1]
    with pytest.raises(ConfigError, match=f"{name}={wrong[name]}"):
        PreferSettings("pairs.jsonl", **wrong)


def test_they_load_no_framework():
    code = (
        "import sys; import nutgraf.recipes.pair_settings;"
        "sys.exit(bool({'keras', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
