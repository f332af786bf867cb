"""A new model with its tokenizer, ready to be trained."""

from __future__ import annotations

from typing import Any

from nutgraf.models.codec import TextCodec
from nutgraf.models.config import named_config
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.policy import EncoderDecoderPolicy

__all__ = ["new_policy"]


def new_policy(
    tokenizer: Any, size: str = "small", seed: int = 0, **changes: Any
) -> EncoderDecoderPolicy:
    """Make an encoder-decoder with random weights.

    Args:
        tokenizer: a `nutgraf.text.tokenizer.Tokenizer`; its vocabulary is the model's.
        size: a name of `nutgraf.models.config.SIZES`: tiny, small, base, article.
        seed: of the weights.
        **changes: fields of `ModelConfig` that differ from the size, such as
            `max_source=128`.

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
    codec = TextCodec(tokenizer, config.max_source, config.max_target)
    return EncoderDecoderPolicy(EncoderDecoder(config), codec)
