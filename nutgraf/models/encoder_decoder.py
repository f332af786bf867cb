"""The encoder-decoder Transformer with a copy head, as one Keras model.

Vaswani et al. 2017, arXiv 1706.03762, in the pre-norm layout of Pegasus (Zhang et al.
2020, arXiv 1912.08777): sinusoidal positions, scaled embeddings shared by encoder,
decoder and output, biases, a final norm on both sides. Without the copy head the
weights map one to one onto a Hugging Face Pegasus model. Positions may be learned or
rotary instead; rotary ones turn self-attention, on both sides, and not the attention
to the source.

A prompt is encoded once; its G samples share keys and values (`blocks.DecoderBlock`).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from nutgraf.arrays import PAD
from nutgraf.layers.attention import causal_mask
from nutgraf.layers.blocks import DecoderBlock, DecoderCache, EncoderBlock, layer_norm
from nutgraf.layers.copy_head import CopyHead
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid, Packing
from nutgraf.layers.positions import Positions
from nutgraf.models.config import ModelConfig
from nutgraf.models.pointer_mixture import PointerMixture
from nutgraf.models.teacher_forcing import TeacherForced, decoder_inputs

__all__ = ["EncoderDecoder"]

Array = Any
Memory = dict[str, Any]


class EncoderDecoder(PointerMixture, TeacherForced, keras.Model):
    """Transformer from a source text to a target text.

    As a Keras model it maps `{"source_ids": (B, S), "target_ids": (B, T)}` (decoder
    inputs that begin with `<bos>`) to (B, T, V) float32 log-probs, ready for
    `SparseCategoricalCrossentropy(from_logits=True)`. `PAD` in the source is masked;
    `PAD` and `BOS` are never predicted. States follow the dtype policy; softmax and
    log-probs are float32.

    Args:
        config: the settings.

    Reference: Vaswani et al. 2017, arXiv 1706.03762.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        """Create all weights at once."""
        super().__init__(**{"name": "encoder_decoder", **kwargs})
        self.config = config
        policy = self.dtype_policy
        sizes = (config.width, config.heads, config.feed_forward)
        self.embedding = keras.layers.Embedding(
            config.vocabulary_size,
            config.width,
            name="embedding",
            dtype=policy,
            embeddings_initializer=keras.initializers.RandomNormal(
                stddev=config.width**-0.5
            ),
        )
        self.encoder = [
            EncoderBlock(*sizes, name=f"encoder_{i}", dtype=policy)
            for i in range(config.encoder_layers)
        ]
        self.encoder_norm = layer_norm("encoder_norm", policy)
        self.decoder = [
            DecoderBlock(*sizes, name=f"decoder_{i}", dtype=policy)
            for i in range(config.decoder_layers)
        ]
        self.decoder_norm = layer_norm("decoder_norm", policy)
        self.copy_head = (
            CopyHead(config.width, name="copy_head", dtype=policy)
            if config.copy
            else None
        )
        self.dropout_seeds = keras.random.SeedGenerator()
        self.source_positions, self.target_positions = (
            Positions(config.positions, longest, *sizes[:2], name=name, dtype=policy)
            for name, longest in (
                ("source_positions", config.max_source),
                ("target_positions", config.max_target),
            )
        )
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        self.embedding.build((None, None))
        states = (None, None, self.config.width)
        parts: list[Any] = [*self.encoder, *self.decoder]
        parts += [self.encoder_norm, self.decoder_norm]
        for part in (*parts, self.source_positions, self.target_positions):
            part.build(states)
        if self.copy_head is not None:
            self.copy_head.build()
        self.built = True

    def _embed(self, ids: Array, positions: Array | None) -> Array:
        x = ops.cast(self.embedding(ids) * self.config.width**0.5, self.compute_dtype)
        return x if positions is None else x + ops.cast(positions, self.compute_dtype)

    def encode(
        self, source_ids: Array, source_mask: Array, dropout: Dropout | None = None
    ) -> Memory:
        """Read the sources once.

        Args:
            source_ids: (P, S) int32.
            source_mask: (P, S) bool.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            The memory: source ids, mask, and each decoder block's keys and values of
            the source, all with a leading axis P.
        """
        drop = dropout or Dropout(0.0, None)
        # a row without any token (a filler) attends to its first position: no NaN
        first = ops.arange(ops.shape(source_ids)[1]) == 0
        empty = ops.logical_not(ops.any(source_mask, axis=1, keepdims=True))
        filled = ops.logical_or(source_mask, ops.logical_and(first, empty))
        mask = filled[:, None, :]  # (P, 1, S)
        length = source_ids.shape[1]
        x = drop(self._embed(source_ids, self.source_positions.table(length)))
        at = self.source_positions.rotation(np.arange(length))
        for block in self.encoder:
            x = block(x, mask, dropout=drop, at=at)
        x = self.encoder_norm(x)  # (P, S, D)
        memory: Memory = {"ids": source_ids, "mask": mask}
        memory["source"] = [block.cross.keys_values(x) for block in self.decoder]
        if self.copy_head is not None:
            memory["copy_keys"] = self.copy_head.keys(x)
        return memory

    def _read(
        self,
        memory: Memory,
        inputs: Array,
        dropout: Dropout | None,
        packing: Packing | None,
    ) -> Array:
        return self._decode(memory, inputs, dropout, packing)[0]

    def _decode(
        self,
        memory: Memory,
        inputs: Array,
        dropout: Dropout | None,
        packing: Packing | None = None,
    ) -> tuple[Array, list[Array]]:
        drop = dropout or Dropout(0.0, None)
        prompts, samples, length = ops.shape(inputs)
        rows = prompts * samples
        grid = Grid((rows, length), packing)
        inputs = ops.reshape(inputs, (rows, length))
        positions = self.target_positions.table(inputs.shape[-1])
        if packing is None:
            x = grid.collect(self._embed(inputs, positions))
        else:
            if positions is not None:
                places = packing.tokens % length
                positions = ops.take(ops.convert_to_tensor(positions), places, 0)
            x = self._embed(grid.collect(inputs), positions)
        x = drop(x)
        at = self.target_positions.rotation(np.arange(inputs.shape[-1]))
        causal = causal_mask(length)
        weights = []
        for block, source in zip(self.decoder, memory["source"], strict=True):
            x, attention = block(
                x, source, memory["mask"], causal, grid=grid, dropout=drop, at=at
            )
            weights.append(attention)
        x = grid.spread(self.decoder_norm(x))
        shape = (prompts, samples, length, self.config.width)
        return ops.reshape(x, shape), weights

    def start(self, prompts: int, samples: int, length: int) -> list[DecoderCache]:
        """Return empty caches for `samples` texts of each prompt.

        Args:
            prompts: P.
            samples: G.
            length: T, the longest text.

        Returns:
            One cache per decoder block.
        """
        heads = self.config.heads
        shape = (prompts * samples, heads, length, self.config.width // heads)
        empty = ops.zeros(shape, dtype=self.compute_dtype)
        return [DecoderCache(empty, empty) for _ in self.decoder]

    def step(
        self,
        memory: Memory,
        caches: list[DecoderCache],
        time: Array,
        last: Array,
        grid: Grid,
    ) -> tuple[Array, list[DecoderCache]]:
        """Go on by one action.

        Args:
            memory: of `encode`.
            caches: of `start` or of the step before.
            time: int32 scalar, number of actions so far.
            last: (N,) int32, the last actions; `BOS` at first.
            grid: of shape (P, G), the texts.

        Returns:
            (N, D) states and the longer caches.
        """
        position = self.target_positions.table(caches[0].keys.shape[2])
        if position is not None:
            position = ops.take(ops.convert_to_tensor(position), time, axis=0)
        x = self._embed(last, position)
        at = self.target_positions.rotation(time)
        longer = []
        for block, source, cache in zip(
            self.decoder, memory["source"], caches, strict=True
        ):
            x, cache = block.step(x, cache, time, source, memory["mask"], grid, at)
            longer.append(cache)
        return self.decoder_norm(x), longer

    def pointers(self, memory: Memory, hidden: Array) -> tuple[Array, Array] | None:
        """Return the copy head's weights (P, Q, S) and gates (P, Q), None without it.

        Args:
            memory: of `encode`.
            hidden: (P, Q, D).

        Returns:
            float32 weights and gate logits.
        """
        if self.copy_head is None:
            return None
        return self.copy_head(hidden, memory["copy_keys"], memory["mask"])

    def attention_maps(self, source_ids: Array, actions: Array) -> dict[str, Array]:
        """Return where each action looked in the source.

        Args:
            source_ids: (P, S) int32.
            actions: (P, T) int32.

        Returns:
            "cross": (P, layers, H, T, S) float32 attention of the decoder blocks, and,
            with a copy head, "copy": (P, T, S) its weights, "copy_share": (P, T) the
            share of the mixture that was copied, in [0, 1].
        """
        source_ids = ops.cast(source_ids, "int32")
        memory = self.encode(source_ids, source_ids != PAD)
        actions = ops.cast(actions, "int32")[:, None, :]
        hidden, weights = self._decode(memory, decoder_inputs(actions), None)
        maps = {"cross": ops.stack(weights, axis=1)}
        pointers = self.pointers(memory, hidden[:, 0])
        if pointers is not None:
            maps["copy"] = pointers[0]
            maps["copy_share"] = ops.sigmoid(-pointers[1])
        return maps
