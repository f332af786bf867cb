import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.config import named_config
from nutgraf.recipes.pretrain_settings import LanguageModelSettings, PretrainSettings


def test_the_defaults_describe_a_language_model():
    config = named_config("small", **LanguageModelSettings().changes)
    assert config.architecture == "decoder-only" and not config.separator
    assert config.context == 512


def test_what_is_set_changes_the_named_size():
    chosen = LanguageModelSettings(
        block="gpt2", size="tiny", width=48, heads=3, decoder_layers=2, max_source=20
    )
    config = named_config(chosen.size, **chosen.changes)
    assert (config.block, config.width, config.decoder_layers) == ("gpt2", 48, 2)
    assert config.feed_forward == 128  # two matrices: as the size has it
    assert config.context == 148


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": "a", "width": 32}, "model.start brings.*model.width=32"),
        ({"key_value_heads": 3}, "key_value_heads must be a divisor of heads"),
        ({"block": "gpt3"}, "block must be one of llama, gpt2.*'gpt3'"),
        ({"max_target": 0}, "max_target must be an integer >= 1"),
        ({"size": "huge"}, "size must be one of"),
    ],
)
def test_models_that_cannot_be_are_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        LanguageModelSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_source": 9, "block": "gpt2"}, "bert reads no.*block='gpt2', .*max_sou"),
        ({"start": "a", "heads": 4}, "model.start brings.*model.heads=4"),
        ({"size": "article"}, "size must be one of tiny, mini"),
        ({"hidden_share": 1.0}, "hidden_share must be a number in"),
        ({"width": 30, "heads": 4}, "width must be a multiple of heads"),
        ({"architecture": "decoder-only", "lower": False}, "reads no.*lower=False"),
    ],
)
def test_berts_that_cannot_be_are_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        LanguageModelSettings(**{"architecture": "bert", **changes})


def test_a_start_may_be_read_in_longer_rows():
    chosen = {"architecture": "bert", "start": "minilm", "max_length": 256}
    assert LanguageModelSettings(**chosen, hidden_share=0.3).start == "minilm"


def test_ranges_are_checked():
    with pytest.raises(ConfigError, match="tokens_per_batch must be an integer >= 1"):
        PretrainSettings(tokens_per_batch=0)
