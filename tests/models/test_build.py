import numpy as np
import pytest

from nutgraf.errors import ConfigError
from nutgraf.models.build import new_policy
from nutgraf.models.config import named_config
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
    with pytest.raises(ConfigError, match=r"one of tiny, small.*'huge'"):
        new_policy(tokenizer, "huge")
