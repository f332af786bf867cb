import pytest

from nutgraf.models.build import model_of
from nutgraf.models.config import named_config
from nutgraf.recipes.choose_settings import ChooseSettings, CommonSettings
from nutgraf.recipes.choose_width import choose_sizes
from nutgraf.training.estimate import step_flops


def configs(match, size="tiny", models=("transformer", "gpt", "lstm", "gru", "rnn")):
    settings = ChooseSettings(
        models=models, match=match, model=CommonSettings(size=size)
    )
    found = choose_sizes(settings, 2000, 60.0, 12.0)
    assert tuple(found) == models
    for name, sizes in found.items():
        made = settings.train_settings(name, *sizes)
        yield named_config(size, **{**made.model.changes, "vocabulary_size": 2000})


def test_models_have_as_many_weights():
    first, *others = (model_of(c).count_params() for c in configs("parameters"))
    for count in others:
        assert count == pytest.approx(first, rel=0.05)  # widths of 64 or so, by 4


def test_models_take_as_many_flops():
    first, *others = (step_flops(c, 6000, 1200) for c in configs("flops", "small"))
    for count in others:
        assert count == pytest.approx(first, rel=0.05)  # widths of 256 or so, by 8


def test_the_first_model_is_as_its_size_has_it():
    first, second = configs("parameters", models=("gru", "transformer"))
    assert first == named_config(
        "tiny", architecture="gru", vocabulary_size=2000, max_source=400, max_target=100
    )
    assert second.architecture == "encoder-decoder"
    assert second.width % (2 * second.heads) == 0
