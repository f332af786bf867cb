import subprocess
import sys

import pytest

from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.models.config import ARCHITECTURES
from nutgraf.recipes.choose_settings import MODELS, ChooseSettings, CommonSettings
from nutgraf.training.settings import SupervisedSettings


def test_each_architecture_has_a_name():
    assert set(MODELS.values()) == set(ARCHITECTURES)
    assert ChooseSettings().models == ("transformer", "gpt", "lstm", "gru", "rnn")


@pytest.mark.parametrize("given", [("lstm,gru", "gpt"), ("lstm", "gru", "gpt")])
def test_names_come_with_commas_or_without(given):
    assert ChooseSettings(models=given).models == ("lstm", "gru", "gpt")


@pytest.mark.parametrize(
    ("models", "advice"),
    [
        (("lstn",), "Did you mean `lstm`"),
        (("gru", "gru"), "Name each once"),
        ((), "Received: none"),
    ],
)
def test_other_names_are_refused(models, advice):
    with pytest.raises(ConfigError, match=advice):
        ChooseSettings(models=models)


def test_each_training_has_what_its_model_can_have():
    settings = ChooseSettings(
        out="runs/a",
        model=CommonSettings(size="tiny", coverage=True, max_source=64),
        training=SupervisedSettings(epochs=2),
    )
    for name in settings.models:
        made = settings.train_settings(name, 64)
        assert made.out == f"runs/a/{name}"
        assert made.model.architecture == MODELS[name]
        assert made.model.coverage == (name in ("lstm", "gru", "rnn"))
        assert (made.model.width, made.model.max_source) == (64, 64)
        assert made.training.epochs == 2


def test_without_a_copy_head_gpt_is_as_it_is():
    settings = ChooseSettings(model=CommonSettings(copy_head=False))
    copies = {name: settings.train_settings(name).model.copy_head for name in MODELS}
    assert copies == {name: name == "gpt" for name in MODELS}


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_minutes": -1.0},
        {"tokens_per_batch": 0},
        {"model": CommonSettings(size="huge")},
        {"data": DataSettings(source="files", train="a.jsonl", valid="a.jsonl")},
    ],
)
def test_what_no_training_can_use_is_refused(wrong):
    with pytest.raises(ConfigError, match="Received"):
        ChooseSettings(**wrong)


def test_settings_load_no_framework():
    code = (
        "import sys, nutgraf.recipes.choose, nutgraf.cli.choose\n"
        "sys.exit(bool({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
