"""Any Keras model that gives logits, as a policy: slower, but all of RL works."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import BOS, EOS, Batch, Processors, Scored
from nutgraf.data.rows import Row
from nutgraf.errors import ModelError
from nutgraf.layers.categorical import draw_logits
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid, Packing
from nutgraf.layers.precision import at_least_float32
from nutgraf.models.codec import Codec
from nutgraf.models.policy_state import (
    PolicyState,
    reorder_rows,
    select_rows,
    texts_grid,
)
from nutgraf.models.scoring import score_known
from nutgraf.models.teacher_forcing import decoder_inputs

__all__ = ["LogitsPolicy"]

Array = Any
Memory = Any

LEAST = -30.0
"""Nats; log-probs below it are all alike to a head."""


def _opinion(log_probs: Array) -> Array:
    """(..., V) log-probs -> (..., V - 2), centred and shorter than 1, for heads.

    Log-probs as they are would give a head gradients of any size; PAD and BOS, which
    are never drawn, and what the model forbids say nothing.
    """
    known = ops.maximum(log_probs[..., EOS:], LEAST)
    centred = known - ops.mean(known, axis=-1, keepdims=True)
    square = ops.sum(ops.square(centred), axis=-1, keepdims=True)
    return centred * ops.rsqrt(1.0 + square)


class LogitsPolicy:
    """Any Keras model `(source ids, target ids) -> logits` as a policy.

    There is no cache: each step runs the whole model, so sampling costs T times as
    much; all of sampling and RL works. `PAD` and `BOS` are never drawn, whatever the
    model says of them.

    A critic or a reward model reads the states that the model gives beside its logits;
    without any it reads the log-probs, centred and scaled.

    Args:
        model: called with `{"source_ids": (B, S), "target_ids": (B, T)}` int32, decoder
            inputs that begin with `<bos>`; returns (B, T, V) logits, or a tuple of
            these and (B, T, D) states. One that is not built is built now.
        codec: rows to arrays and back.
        vocabulary_size: V.

    Raises:
        ModelError: when it is run: the logits are of another vocabulary.
    """

    def __init__(self, model: Any, codec: Codec, vocabulary_size: int) -> None:
        """Keep model and codec."""
        self.model = model
        self.codec = codec
        self.vocabulary_size = vocabulary_size
        if not model.built:
            self._one_action()

    def _one_action(self) -> Array:
        """Return `hidden` of a text of one action."""
        memory = self.encode(self.codec.batch([Row("0", "a", ("a",))]))
        return self.hidden(memory, np.full((1, 1, 1), EOS, "int32"))

    @property
    def state_width(self) -> int:
        """D, the size of the states that heads read."""
        return int(self._one_action().shape[-1]) - self.vocabulary_size

    @property
    def variables(self) -> list[Any]:
        """Return the trainable Keras variables."""
        return self.model.trainable_variables

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Memory:
        """Return the sources: the model reads them anew at each step."""
        del dropout  # the model owns its dropout; RL runs without
        return {"ids": ops.convert_to_tensor(batch.source_ids)}

    def _read(self, memory: Memory, inputs: Array, rows: Array) -> tuple[Array, Array]:
        """Log-probs (N, T, V) of decoder inputs (N, T) of prompts (N,); states or None.

        The log-probs are float32 at least.
        """
        sources = ops.take(memory["ids"], rows, axis=0)
        found = self.model(
            {"source_ids": sources, "target_ids": inputs}, training=False
        )
        logits, states = found if isinstance(found, tuple | list) else (found, None)
        if logits.shape[-1] != self.vocabulary_size:
            raise ModelError(
                "The model must give as many logits as the vocabulary has pieces, "
                f"{self.vocabulary_size}. Received: {logits.shape[-1]}. Give "
                "LogitsPolicy the size of the model's last layer."
            )
        never = np.where(np.arange(self.vocabulary_size) < EOS, -1e9, 0.0)
        logits = at_least_float32(logits)
        logits = logits + ops.cast(never, logits.dtype)
        return ops.log_softmax(logits, axis=-1), states

    def init(self, memory: Memory, samples: int, length: int) -> PolicyState:
        """Return the texts so far: none."""
        shape = (memory["ids"].shape[0] * samples, length)
        texts = ops.full(shape, BOS, dtype="int32")
        return PolicyState(texts, ops.convert_to_tensor(np.int32(0)))

    def step(
        self, memory: Memory, state: PolicyState, last: Array
    ) -> tuple[Array, PolicyState]:
        """See `Policy.step`."""
        inputs = ops.reshape(last, (-1, 1))
        texts = ops.slice_update(state.caches, (0, state.time), inputs)
        grid = texts_grid(memory["ids"].shape[0], state, last)
        log_probs, _ = self._read(memory, texts, grid.rows)
        now = ops.take(log_probs, state.time, axis=1)
        now = ops.reshape(now, (*last.shape, self.vocabulary_size))
        return now, PolicyState(texts, state.time + 1, state.packing)

    def draw(
        self, memory: Memory, state: PolicyState, last: Array, uniforms: Array
    ) -> tuple[Array, Array, PolicyState]:
        """See `Policy.draw`."""
        log_probs, after = self.step(memory, state, last)
        return *draw_logits(log_probs, uniforms), after

    select = staticmethod(select_rows)
    reorder = staticmethod(reorder_rows)

    def hidden(
        self,
        memory: Memory,
        actions: Array,
        dropout: Dropout | None = None,
        packing: Packing | None = None,
    ) -> Array:
        """Return (P, G, T, D + V): states, and the log-probs behind them."""
        del dropout, packing
        inputs = decoder_inputs(actions)
        prompts, samples, length = inputs.shape
        flat = ops.reshape(inputs, (prompts * samples, length))
        log_probs, states = self._read(memory, flat, Grid((prompts, samples)).rows)
        states = _opinion(log_probs) if states is None else states
        both = [ops.cast(states, log_probs.dtype), log_probs]
        found = ops.concatenate(both, axis=-1)
        return ops.reshape(found, (prompts, samples, length, -1))

    def score(
        self,
        memory: Memory,
        hidden: Array,
        actions: Array,
        processors: Processors = Processors(),  # noqa: B008 - frozen
        want: frozenset[str] = frozenset(),
        support: Array | None = None,
        packing: Packing | None = None,
    ) -> Scored:
        """See `Policy.score`."""
        del memory, packing
        log_probs = hidden[..., -self.vocabulary_size :]
        scored = score_known(log_probs, actions, processors, support)
        if "mean_log_probs" not in want:
            return scored
        known = log_probs[..., EOS:]  # no PAD, no BOS
        return scored._replace(mean_log_probs=ops.mean(known, axis=-1))
