"""What the settings of recurrent models mean, and how large these become."""

from __future__ import annotations

import math
from typing import Any

from nutgraf.errors import ConfigError

__all__ = ["RECURRENT", "check_recurrent", "recurrent_sizes", "recurrent_weights"]

RECURRENT = {"lstm": (4, 2), "gru": (3, 1), "rnn": (1, 1)}
"""Architecture -> gates of a cell, arrays of its state."""

ROUND = 16
"""The widths of named sizes are multiples of this."""


def check_recurrent(config: Any) -> None:
    """Check what recurrent models have and others have not.

    Args:
        config: a `ModelConfig`.

    Raises:
        ConfigError: heads or a feed-forward size are given to a recurrent model, its
            output is not tied, or another model has coverage.
    """
    if config.architecture not in RECURRENT:
        if config.coverage:
            raise ConfigError(
                "coverage is a setting of lstm, gru and rnn. Received: coverage=True "
                f"with architecture={config.architecture!r}. Leave it out."
            )
        return
    if config.heads != 1 or config.feed_forward != 0 or not config.tied:
        raise ConfigError(
            "A recurrent model has one attention head, no feed-forward layers and tied "
            "embeddings: heads must be 1, feed_forward 0 and tied True. Received: "
            f"heads={config.heads}, feed_forward={config.feed_forward}, "
            f"tied={config.tied}. The named sizes set them."
        )


def recurrent_weights(
    kind: str, encoder_layers: int, decoder_layers: int
) -> tuple[float, float, float]:
    """Count the weights of a recurrent model in matrices of D x D, without embeddings.

    Args:
        kind: "lstm", "gru" or "rnn".
        encoder_layers: bidirectional layers.
        decoder_layers: layers of the decoder.

    Returns:
        Those that each source token passes, those that each target token passes, and
        those that are used once for a source.

    Example:
        >>> recurrent_weights("lstm", 1, 1)
        (7.0, 15.0, 2.0)
    """
    gates, states = RECURRENT[kind]
    encoder = encoder_layers * 1.5 * gates + 1  # two halves; the attention's keys
    decoder = decoder_layers * 3.0 * gates + 3  # its query, and the output layer
    return encoder, decoder, float(states * decoder_layers)


def recurrent_sizes(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a recurrent model with about as many weights as a Transformer.

    It has half of the layers, rounded up, and is as wide as makes up for the rest.

    Args:
        kind: "lstm", "gru" or "rnn".
        settings: of the Transformer, as `ModelConfig` has them.

    Returns:
        Width, heads, feed_forward and layers of the recurrent model.
    """
    width, hidden = settings["width"], settings["feed_forward"]
    encoder, decoder = settings["encoder_layers"], settings["decoder_layers"]
    size = settings["vocabulary_size"]
    blocks = encoder * (4 * width + 2 * hidden) + decoder * (8 * width + 2 * hidden)
    wanted = width * (size + blocks)
    layers = -(-encoder // 2), -(-decoder // 2)
    squares = sum(recurrent_weights(kind, *layers))
    # size · D + squares · D² = wanted
    exact = (math.sqrt(size**2 + 4 * squares * wanted) - size) / (2 * squares)
    return {
        "width": max(ROUND, round(exact / ROUND) * ROUND),
        "heads": 1,
        "feed_forward": 0,
        "encoder_layers": layers[0],
        "decoder_layers": layers[1],
    }
