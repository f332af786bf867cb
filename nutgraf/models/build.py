"""A model with its tokenizer as a policy: new, or of given settings."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from nutgraf.models.codec import TextCodec
from nutgraf.models.config import ModelConfig, named_config
from nutgraf.models.decoder_only import DecoderOnly
from nutgraf.models.decoder_only_policy import DecoderOnlyPolicy
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.models.recurrent import RecurrentEncoderDecoder
from nutgraf.models.recurrent_config import RECURRENT
from nutgraf.models.recurrent_policy import RecurrentPolicy

__all__ = ["Classes", "classes_of", "model_of", "new_policy", "policy_of"]
__all__ += ["with_separator"]


class Classes(NamedTuple):
    """What a config is made into.

    Attributes:
        model: class of the Keras model.
        policy: class of the policy.
    """

    model: Any
    policy: Any


def classes_of(config: ModelConfig) -> Classes:
    """Return the classes of model and policy that a config describes.

    Args:
        config: the settings.

    Returns:
        Both.

    Example:
        >>> classes_of(named_config("tiny", architecture="gru")).policy.__name__
        'RecurrentPolicy'
    """
    if config.architecture == "decoder-only":
        return Classes(DecoderOnly, DecoderOnlyPolicy)
    if config.architecture in RECURRENT:
        return Classes(RecurrentEncoderDecoder, RecurrentPolicy)
    return Classes(EncoderDecoder, EncoderDecoderPolicy)


def model_of(config: ModelConfig) -> Any:
    """Make the Keras model that a config describes.

    Args:
        config: the settings.

    Returns:
        The model, its weights random.

    Example:
        >>> model_of(named_config("tiny", architecture="gru")).name
        'gru'
    """
    return classes_of(config).model(config)


def policy_of(
    config: ModelConfig, tokenizer: Any, source_step: int = 32
) -> EncoderDecoderPolicy:
    """Make the model that a config describes, as a policy over texts.

    Args:
        config: the settings.
        tokenizer: a `nutgraf.text.tokenizer.Tokenizer`.
        source_step: sources are padded to a multiple of this.

    Returns:
        The policy, its weights random: a `DecoderOnlyPolicy` when the architecture is
        "decoder-only", a `RecurrentPolicy` when it is "lstm", "gru" or "rnn".

    Example:
        >>> from nutgraf.testing.toys import toy_tokenizer
        >>> config = named_config("tiny", architecture="decoder-only")
        >>> type(policy_of(config, toy_tokenizer())).__name__
        'DecoderOnlyPolicy'
    """
    codec = TextCodec(tokenizer, config.max_source, config.max_target, source_step)
    policy: EncoderDecoderPolicy = classes_of(config).policy(model_of(config), codec)
    return policy


def new_policy(
    tokenizer: Any, size: str = "small", seed: int = 0, **changes: Any
) -> EncoderDecoderPolicy:
    """Make a model with random weights.

    Args:
        tokenizer: a `nutgraf.text.tokenizer.Tokenizer`; its vocabulary is the model's.
        size: a name of `nutgraf.models.config.SIZES`: tiny, mini, small, base, article.
        seed: of the weights.
        **changes: fields of `ModelConfig` that differ from the size, such as
            `max_source=128` or `architecture="decoder-only"`.

    Returns:
        The policy; `policy.model` is the Keras model.

    Raises:
        ConfigError: the size is unknown or a value out of range.

    Example:
        >>> from nutgraf.testing.toys import toy_tokenizer
        >>> new_policy(toy_tokenizer(), "tiny", max_source=32).codec.max_source
        32
    """
    import keras

    config = named_config(
        size, **{**changes, "vocabulary_size": tokenizer.vocabulary_size}
    )
    keras.utils.set_random_seed(seed)
    return policy_of(config, tokenizer)


def with_separator(policy: Any, separator: bool) -> Any:
    """Return a decoder-only policy with or without a separator after its source.

    Args:
        policy: any policy.
        separator: whether `<bos>` stands between source and text.

    Returns:
        A policy with the same weights; the policy itself when it is so already, or not
        decoder-only.
    """
    from nutgraf.backend import assign

    config = policy.model.config
    if config.architecture != "decoder-only" or config.separator == separator:
        return policy
    changed = policy_of(
        dataclasses.replace(config, separator=separator), policy.codec.tokenizer
    )
    assign(changed.variables, [variable.value for variable in policy.variables])
    return changed
