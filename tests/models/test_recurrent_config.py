import pytest

from nutgraf.errors import ConfigError
from nutgraf.layers.recurrent import CELLS
from nutgraf.models.config import ARCHITECTURES, SIZES, ModelConfig, named_config
from nutgraf.models.recurrent_config import RECURRENT, recurrent_weights
from nutgraf.testing.toys import toy_policy


def test_architectures_are_the_cells():
    assert RECURRENT == {
        name: (cell.gates, cell.states) for name, cell in CELLS.items()
    }
    assert set(RECURRENT) <= set(ARCHITECTURES)


@pytest.mark.parametrize("kind", RECURRENT)
def test_the_count_of_weights_is_that_of_the_model(tokenizer, kind):
    policy = toy_policy(
        tokenizer, architecture=kind, copy=False, encoder_layers=2, decoder_layers=2
    )
    width = policy.model.config.width
    squares = sum(
        variable.shape[0] * variable.shape[1]
        for variable in policy.variables
        if len(variable.shape) == 2
        and "embedding" not in variable.path
        and variable.shape[1] > 1  # vectors are left out
        and not variable.path.endswith("bias")
    )
    assert squares == width**2 * sum(recurrent_weights(kind, 2, 2))


@pytest.mark.parametrize("kind", RECURRENT)
@pytest.mark.parametrize("vocabulary", [8000, 30_000])
@pytest.mark.parametrize("size", SIZES)
def test_a_named_size_has_as_many_weights_as_the_transformer(kind, vocabulary, size):
    config = named_config(size, architecture=kind, vocabulary_size=vocabulary)
    other = named_config(size, vocabulary_size=vocabulary)
    wide, hidden = other.width, other.feed_forward
    blocks = other.encoder_layers * (4 * wide**2 + 2 * wide * hidden)
    blocks += other.decoder_layers * (8 * wide**2 + 2 * wide * hidden)
    wanted = vocabulary * wide + blocks
    layers = config.encoder_layers, config.decoder_layers
    found = sum(recurrent_weights(kind, *layers)) * config.width**2
    found += vocabulary * config.width
    assert found == pytest.approx(wanted, rel=0.13)  # widths are multiples of 16
    assert config.encoder_layers == -(-other.encoder_layers // 2)
    assert config.copy == other.copy


def test_what_is_named_is_left_as_it_is():
    config = named_config("tiny", architecture="gru", width=48, encoder_layers=3)
    assert (config.width, config.encoder_layers, config.heads) == (48, 3, 1)


@pytest.mark.parametrize(
    "changes", [{"heads": 2}, {"feed_forward": 64}, {"tied": False}]
)
def test_what_recurrent_models_do_not_have_is_refused(changes):
    with pytest.raises(ConfigError, match="one attention head.*Received: heads="):
        named_config("tiny", architecture="lstm", **changes)


def test_coverage_is_for_recurrent_models_alone():
    with pytest.raises(ConfigError, match="coverage is a setting of lstm, gru and rnn"):
        ModelConfig(500, coverage=True)
