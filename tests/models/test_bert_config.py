import pytest

from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.bert_config import (
    BERT_SIZES,
    BertConfig,
    named_bert_config,
    sized_bert_config,
)
from nutgraf.recipes.pretrain_settings import LanguageModelSettings
from nutgraf.recipes.settings import ModelSettings

MINILM = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}


def test_minilm_is_the_size_of_that_name():
    config = BertConfig.from_hugging_face({**MINILM, "use_cache": True})
    assert config == named_bert_config("minilm", vocabulary_size=30522)
    assert MINILM.items() <= config.to_hugging_face().items()


@pytest.mark.parametrize("size", BERT_SIZES)
def test_named_sizes_are_configs(size):
    config = named_bert_config(size, vocabulary_size=99, max_length=64)
    assert config.vocabulary_size == 99 and config.feed_forward == 4 * config.width


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 10, "heads": 4}, "width must be a multiple of heads.*Use width=12"),
        ({"vocabulary_size": 5}, "at least 6"),
        ({"max_length": 2}, "max_length must be an integer >= 3"),
        ({"dropout": 1.0, "layers": 0}, "layers must be.*\n.*dropout must be"),
    ],
)
def test_bad_sizes_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        BertConfig(**{"vocabulary_size": 50, **change})


def test_an_unknown_size_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean `base`"):
        named_bert_config("bas")


@pytest.mark.parametrize("settings", [ModelSettings, LanguageModelSettings])
def test_settings_of_commands_say_what_differs_from_the_size(settings):
    given = settings(architecture="bert", size="mini", encoder_layers=3)
    config = sized_bert_config(given, vocabulary_size=99, dropout=0.2)
    assert (config.layers, config.width, config.max_length) == (3, 256, 512)
    assert (config.vocabulary_size, config.dropout) == (99, 0.2)
    assert sized_bert_config(given, max_length=64).vocabulary_size == 30_000
    with pytest.raises(ConfigError, match="width must be a multiple of heads"):
        settings(architecture="bert", width=30, heads=4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "roberta"}, "model_type='bert'.*Received: 'roberta'"),
        ({"model_type": None}, "Received: None"),
        ({"hidden_act": "relu"}, "hidden_act='gelu'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"pad_token_id": 1}, "pad_token_id=0"),
        ({"hidden_size": None}, "no hidden_size"),
    ],
)
def test_other_models_are_refused(change, message):
    settings = {key: v for key, v in {**MINILM, **change}.items() if v is not None}
    with pytest.raises(ModelError, match=message):
        BertConfig.from_hugging_face(settings)
