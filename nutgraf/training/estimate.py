"""FLOPs of a training, and the time they take, before it starts.

Six FLOPs per weight and token (Kaplan et al. 2020, arXiv 2001.08361, section 2.1), with
encoder, decoder and output weights each counted at the tokens they see. Attention's own
products (scores and mixing) are left out: a few percent at the lengths used here. So
is what a recurrent model computes again in its backward pass.
"""

from __future__ import annotations

import time

import numpy as np

from nutgraf.models.bert_config import BertConfig
from nutgraf.models.config import ModelConfig
from nutgraf.models.recurrent_config import RECURRENT, recurrent_weights

__all__ = ["machine_flops", "step_flops"]


def step_flops(
    config: ModelConfig | BertConfig, source_tokens: int, target_tokens: int
) -> float:
    """Return the FLOPs of one forward and backward pass over a batch.

    Args:
        config: the model.
        source_tokens: encoder tokens of the batch, padding counted.
        target_tokens: decoder tokens of the batch, padding counted.

    Returns:
        FLOPs.

    Example:
        >>> round(step_flops(ModelConfig(8192), 4096, 768) / 1e9, 1)
        75.6
    """
    width, hidden = config.width, config.feed_forward
    if isinstance(config, BertConfig):  # the head is next to nothing
        return 6.0 * config.layers * (4 * width**2 + 2 * width * hidden) * source_tokens
    output = config.vocabulary_size * width
    if config.architecture == "decoder-only":  # every token passes every block
        shared = (config.key_value_heads or config.heads) / config.heads
        matrices = 3 if config.block == "llama" else 2
        block = 2 * (1 + shared) * width**2 + matrices * width * hidden
        tokens = source_tokens + target_tokens
        blocks = config.decoder_layers * block
        return 6.0 * (blocks * tokens + output * target_tokens)
    if config.architecture in RECURRENT:
        encoder, decoder, _ = recurrent_weights(
            config.architecture, config.encoder_layers, config.decoder_layers
        )
        seen = width**2 * (encoder * source_tokens + decoder * target_tokens)
        return 6.0 * (seen + output * target_tokens)
    encoder = config.encoder_layers * (4 * width**2 + 2 * width * hidden)
    # cross attention projects keys and values of the source once per decoder block
    encoder += config.decoder_layers * 2 * width**2
    decoder = config.decoder_layers * (6 * width**2 + 2 * width * hidden)
    if config.copy:
        encoder += width**2
        decoder += width**2
    return 6.0 * (encoder * source_tokens + (decoder + output) * target_tokens)


def machine_flops(size: int = 1024, repeats: int = 3) -> float:
    """Measure how many FLOPs a second this machine's matrix product reaches.

    Args:
        size: edge of the square matrices.
        repeats: the best of so many.

    Returns:
        FLOP/s of a float32 product on the host. Training reaches about half of it.
    """
    matrix = np.ones((size, size), "float32")
    matrix @ matrix
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best
