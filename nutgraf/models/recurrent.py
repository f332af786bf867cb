"""Recurrent encoder-decoder models: LSTM, GRU or plain cells, attention, a pointer.

A bidirectional encoder, half of the width for each direction, and a decoder that looks
at it (`nutgraf.layers.attentive_decoder`). The vocabulary is predicted from a linear
layer over the decoder's output and what it saw, by the embeddings. With the copy head
the attention itself is the pointer, and with coverage it remembers where it looked: See
et al. 2017, "Get To The Point", eq. 1-13, arXiv 1704.04368.

Differences from the paper:
1. Source, target and output share one table and word pieces: no extra word slots.
2. There may be more layers than one; a layer above the first adds to what is below.
3. A decoder layer begins with a linear layer, for its output with tanh, over the last
   states of both directions.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from nutgraf.arrays import PAD
from nutgraf.layers.attentive_decoder import AttentiveDecoder, Decoded, Source
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid, Packing
from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.recurrent import CELLS, Bidirectional
from nutgraf.models.config import ModelConfig
from nutgraf.models.pointer_mixture import PointerMixture
from nutgraf.models.teacher_forcing import TeacherForced, decoder_inputs

__all__ = ["RecurrentEncoderDecoder"]

Array = Any
Memory = dict[str, Any]


class RecurrentEncoderDecoder(PointerMixture, TeacherForced, keras.Model):
    """Recurrent model from a source text to a target text.

    As a Keras model it maps `{"source_ids": (B, S), "target_ids": (B, T)}` (inputs that
    begin with `<bos>`) to (B, T, V) float32 log-probs, as `EncoderDecoder` does. `PAD`
    in the source is masked, wherever it is; `PAD` and `BOS` are never predicted.
    Products follow the dtype policy; states, softmax and log-probs are float32.

    Args:
        config: the settings; its architecture is "lstm", "gru" or "rnn".

    Reference: See et al. 2017, arXiv 1704.04368.
    """

    def __init__(self, config: ModelConfig, **kwargs: Any) -> None:
        """Create all weights at once."""
        super().__init__(**{"name": config.architecture, **kwargs})
        self.config = config
        policy, width, kind = self.dtype_policy, config.width, config.architecture
        self.embedding = keras.layers.Embedding(
            config.vocabulary_size,
            width,
            name="embedding",
            dtype=policy,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
        )
        self.encoder = [
            Bidirectional(kind, width, name=f"encoder_{number}", dtype=policy)
            for number in range(config.encoder_layers)
        ]
        self.bridges = [
            self._dense(width, f"bridge_{number}_{part}")
            for number in range(config.decoder_layers)
            for part in range(CELLS[kind].states)
        ]
        self.decoder = AttentiveDecoder(
            kind,
            width,
            config.decoder_layers,
            config.coverage,
            name="decoder",
            dtype=policy,
        )
        self.readout = self._dense(width, "readout")
        self.gate = self._dense(1, "gate", bias=1.0) if config.copy else None
        self.dropout_seeds = keras.random.SeedGenerator()
        self.build()

    def _dense(self, size: int, name: str, bias: float = 0.0) -> keras.layers.Dense:
        first = keras.initializers.Constant(bias)
        return keras.layers.Dense(
            size, name=name, dtype=self.dtype_policy, bias_initializer=first
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        width = self.config.width
        self.embedding.build((None, None))
        for layer in self.encoder:
            layer.build((None, None, width))
        for bridge in self.bridges:
            bridge.build((None, width))
        self.decoder.build()
        self.readout.build((None, None, 2 * width))
        if self.gate is not None:
            self.gate.build((None, None, 3 * width))
        self.built = True

    def _embed(self, ids: Array) -> Array:
        x = self.embedding(ids) * self.config.width**0.5
        return ops.cast(x, self.compute_dtype)

    def encode(
        self, source_ids: Array, source_mask: Array, dropout: Dropout | None = None
    ) -> Memory:
        """Read the sources once.

        Args:
            source_ids: (P, S) int32.
            source_mask: (P, S) bool; padding may be anywhere.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            The memory: source ids, mask, states, the attention's keys of them, and each
            decoder layer's first state, all with a leading axis P.
        """
        drop = dropout or Dropout(0.0, None)
        mask = ops.cast(source_mask, "bool")
        # a row without any token (a filler) reads its first position: no NaN
        empty = ops.logical_not(ops.any(mask, axis=1, keepdims=True))
        first = ops.arange(ops.shape(mask)[1])[None] == 0
        mask = ops.logical_or(mask, ops.logical_and(first, empty))  # (P, S)
        x, ends = drop(self._embed(source_ids)), []
        for number, layer in enumerate(self.encoder):
            new, ends = layer(x, mask)
            x = new + ops.cast(x, new.dtype) if number else new
            x = drop(ops.cast(x, self.compute_dtype))  # (P, S, D)
        start = []
        for number, bridge in enumerate(self.bridges):
            part = number % len(ends)
            found = at_least_float32(bridge(ends[part]))
            start.append(found if part else ops.tanh(found))
        parts = len(ends)
        return {
            "ids": source_ids,
            "source": Source(self.decoder.keys(x), x, mask[:, None, :]),
            "start": [start[at : at + parts] for at in range(0, len(start), parts)],
        }

    def _read(
        self,
        memory: Memory,
        inputs: Array,
        dropout: Dropout | None,
        packing: Packing | None,
    ) -> Array:
        """(P, G, T) inputs to (P, G, T, D) states, and what is behind them.

        With a copy head or coverage (P, G, T, D + S), the attention's weights behind
        the states; with a copy head (P, G, T, D + S + 1), the gate's logit behind
        these.
        """
        del packing  # a recurrence goes through whole texts
        return self._decode(memory, inputs, dropout)[0]

    def _decode(
        self, memory: Memory, inputs: Array, dropout: Dropout | None
    ) -> tuple[Array, Array]:
        """(P, G, T) inputs to what `_read` returns, and (P, G, T, S) weights."""
        drop = dropout or Dropout(0.0, None)
        prompts, samples, length = inputs.shape
        rows = prompts * samples
        x = drop(self._embed(ops.reshape(inputs, (rows, length))))  # (R, T, D)
        begin = self.start(memory, samples)
        found = self.decoder.read(memory["source"], begin, x, drop)
        found = found._replace(output=drop(found.output))
        shape = (prompts, samples, length, -1)
        weights = ops.reshape(found.attention, shape)
        return ops.reshape(self._output(x, found), shape), weights

    def _output(self, x: Array, found: Decoded) -> Array:
        """(..., D) inputs and what was made of them: what `_read` returns."""
        both = ops.concatenate([found.output, found.seen], axis=-1)
        parts = [at_least_float32(self.readout(both))]
        if self.config.copy or self.config.coverage:
            parts.append(found.attention)
        if self.gate is not None:
            read = ops.concatenate([both, ops.cast(x, both.dtype)], axis=-1)
            parts.append(at_least_float32(self.gate(read)))
        return ops.concatenate(parts, axis=-1)

    def start(self, memory: Memory, samples: int) -> dict[str, Any]:
        """Return the state of `samples` texts of each prompt before their first action.

        Args:
            memory: of `encode`.
            samples: G.

        Returns:
            A tree of arrays with leading axis P · G.
        """
        return self.decoder.start(memory["start"], samples, memory["ids"].shape[1])

    def step(
        self,
        memory: Memory,
        caches: dict[str, Any],
        time: Array,
        last: Array,
        grid: Grid,
    ) -> tuple[Array, dict[str, Any]]:
        """Go on by one action.

        Args:
            memory: of `encode`.
            caches: of `start` or of the step before.
            time: unused: the state knows.
            last: (N,) int32, the last actions; `BOS` at first.
            grid: of shape (P, G), the texts.

        Returns:
            What `hidden` gives, (N, D) or more, and the new caches.
        """
        del time
        source = memory["source"]
        if grid.packing is not None:  # a source for each text
            source = Source(*(ops.take(x, grid.rows, axis=0) for x in source))
        x = self._embed(last)
        found, after = self.decoder.step(source, caches, x)
        return self._output(x, found), after

    def attention_of(self, memory: Memory, hidden: Array) -> Array:
        """Return the attention's weights that `hidden` carries.

        Args:
            memory: of `encode`.
            hidden: (..., D + S or more), with a copy head or coverage.

        Returns:
            (..., S) float32, which sum to 1.
        """
        width = self.config.width
        return hidden[..., width : width + memory["ids"].shape[1]]

    def pointers(self, memory: Memory, hidden: Array) -> tuple[Array, Array] | None:
        """Return the copy head's weights (P, Q, S) and gates (P, Q), None without it.

        Args:
            memory: of `encode`.
            hidden: (P, Q, D + S + 1).

        Returns:
            float32 weights, those of the attention, and gate logits (sigmoid of it =
            share of the vocabulary).
        """
        if self.gate is None:
            return None
        return self.attention_of(memory, hidden), hidden[..., -1]

    def attention_maps(self, source_ids: Array, actions: Array) -> dict[str, Array]:
        """Return where each action looked in the source.

        Args:
            source_ids: (P, S) int32.
            actions: (P, T) int32.

        Returns:
            "cross": (P, 1, 1, T, S) float32 attention, and, with a copy head, "copy":
            (P, T, S), the same, "copy_share": (P, T) the share of the mixture that was
            copied, in [0, 1].
        """
        source_ids = ops.cast(source_ids, "int32")
        memory = self.encode(source_ids, source_ids != PAD)
        actions = ops.cast(actions, "int32")[:, None, :]
        hidden, weights = self._decode(memory, decoder_inputs(actions), None)
        maps = {"cross": weights[:, None]}
        pointers = self.pointers(memory, hidden[:, 0])
        if pointers is not None:
            maps |= {"copy": pointers[0], "copy_share": ops.sigmoid(-pointers[1])}
        return maps
