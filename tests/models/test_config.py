import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.config import SIZES, ModelConfig, named_config

ALONE = {"architecture": "decoder-only", "encoder_layers": 0, "copy": False}


def test_every_size_makes_a_config():
    for size in SIZES:
        assert named_config(size).vocabulary_size == 30_000
        alone = named_config(size, architecture="decoder-only")
        assert (alone.encoder_layers, alone.copy) == (0, False)
        assert alone.decoder_layers > named_config(size).decoder_layers


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 100, "heads": 3}, "multiple of heads.*width=100, heads=3"),
        ({"width": 0}, "width must be an integer >= 1"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"vocabulary_size": 3}, "at least 4"),
        ({"encoder_layers": 0}, "encoder_layers must be an integer >= 1"),
        ({"architecture": "mamba"}, "one of encoder-decoder, decoder-only.*'mamba'"),
        ({"tied": False}, "tied must be True in an encoder-decoder"),
        ({"positions": "alibi"}, "one of sinusoidal, learned, rotary.*'alibi'"),
        ({"positions": "rotary", "width": 12}, "multiple of 2 · heads.*width=12"),
        (ALONE | {"positions": "learned"}, "in an encoder-decoder.*'learned'"),
        (ALONE | {"encoder_layers": 2}, "encoder_layers must be 0.*encoder_layers=2"),
        (ALONE | {"copy": True}, "no copy head.*copy=True"),
        (ALONE | {"width": 12, "heads": 4}, "multiple of 2 · heads.*width=12"),
        (ALONE | {"block": "gpt3"}, "one of llama, gpt2.*'gpt3'. Did you mean"),
        (
            ALONE | {"key_value_heads": 3},
            "divisor of heads.*key_value_heads=3, heads=4",
        ),
        (ALONE | {"key_value_heads": -1}, "divisor of heads.*key_value_heads=-1"),
        ({"block": "gpt2"}, "settings of decoder-only models.*block='gpt2'"),
        ({"separator": False}, "decoder-only models.*separator=False"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig(**{"vocabulary_size": 100, **changes})


def test_gpt2_needs_no_even_heads_and_has_all_of_its_feed_forward_size():
    ModelConfig(100, width=12, heads=4, block="gpt2", **ALONE)
    llama, gpt2 = (
        named_config("tiny", architecture="decoder-only", block=block)
        for block in ("llama", "gpt2")
    )
    assert (llama.feed_forward, gpt2.feed_forward) == (96, 128)
    assert llama.context == llama.max_source + llama.max_target


def test_unknown_size_and_keys_are_named():
    with pytest.raises(ConfigError, match="tiny, mini, small, base, article.*'huge'"):
        named_config("huge")
    with pytest.raises(ConfigError, match="widht"):
        ModelConfig.from_dict({"vocabulary_size": 10, "widht": 3})
