import subprocess
import sys

import pytest

from nutgraf.cli.declared import settings_of
from nutgraf.models.config import SIZES
from nutgraf.recipes import settings as declared
from nutgraf.recipes.settings import ImproveSettings, ModelSettings, TrainSettings

COMMANDS = [
    cls for name in declared.__all__ if isinstance(cls := getattr(declared, name), type)
]


@pytest.mark.parametrize("cls", COMMANDS)
def test_every_setting_has_a_default_and_a_help_text(cls):
    cls()
    for key, setting in settings_of(cls).items():
        assert setting.help, key


def test_settings_have_one_name_each_across_sections():
    keys = settings_of(TrainSettings)
    assert {"training.epochs", "model.size", "data.source", "out"} <= set(keys)
    assert {"rl.updates", "reward.parts", "start"} <= set(settings_of(ImproveSettings))


def test_the_default_model_is_one_of_the_sizes():
    assert ModelSettings().size in SIZES


def test_they_load_no_framework():
    code = "import nutgraf.recipes.settings, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "nutgraf.rl.settings" in loaded
    assert not loaded & {"keras", "tensorflow", "jax", "torch"}
