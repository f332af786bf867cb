import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.build import new_policy, policy_of
from nutgraf.models.config import named_config
from nutgraf.models.decoder_only_policy import DecoderOnlyPolicy
from nutgraf.testing.toys import weights_of


def equal(one, two):
    pairs = zip(weights_of(one), weights_of(two), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


def test_the_vocabulary_is_the_tokenizers_and_the_rest_the_sizes(tokenizer):
    policy = new_policy(tokenizer, "tiny", max_source=32, copy=False)
    assert policy.model.config == named_config(
        "tiny", vocabulary_size=tokenizer.vocabulary_size, max_source=32, copy=False
    )
    assert policy.codec.tokenizer is tokenizer
    assert (policy.codec.max_source, policy.codec.max_target) == (
        32,
        policy.model.config.max_target,
    )


def test_the_weights_are_those_of_the_seed(tokenizer):
    first = new_policy(tokenizer, "tiny", seed=1)
    assert equal(first, new_policy(tokenizer, "tiny", seed=1))
    assert not equal(first, new_policy(tokenizer, "tiny", seed=2))
    assert len(weights_of(first)) > 10


def test_what_is_unknown_is_named(tokenizer):
    with pytest.raises(ConfigError, match=r"one of tiny, mini, small.*'huge'"):
        new_policy(tokenizer, "huge")


def test_a_decoder_only_model_of_a_size_has_one_stack(tokenizer):
    policy = new_policy(tokenizer, "tiny", architecture="decoder-only", tied=False)
    config = policy.model.config
    assert isinstance(policy, DecoderOnlyPolicy)
    assert (config.encoder_layers, config.decoder_layers, config.copy) == (0, 3, False)
    assert len(policy.model.blocks) == 3
    # nearly the weights of the encoder-decoder of this size, tables apart
    sizes = []
    for one in (policy, new_policy(tokenizer, "tiny", copy=False)):
        tables = [v for v in one.variables if "embeddings" in v.path]
        sizes.append(one.model.count_params() - sum(np.prod(v.shape) for v in tables))
    assert 0.75 < sizes[0] / sizes[1] < 1.1
    assert policy_of(config, tokenizer).codec.max_source == config.max_source
