"""Any Keras model that gives logits, as a policy: slower, but all of RL works."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import BOS, EOS, Batch, Processors, Scored
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


class LogitsPolicy:
    """Any Keras model `(source ids, target ids) -> logits` as a policy.

    There is no cache: each step runs the whole model, so sampling costs T times as
    much; all of sampling and RL works. `PAD` and `BOS` are never drawn, whatever the
    model says of them.

    Args:
        model: called with `{"source_ids": (B, S), "target_ids": (B, T)}` int32, decoder
            inputs that begin with `<bos>`; returns (B, T, V) logits.
        codec: rows to arrays and back.
        vocabulary_size: V.
    """

    def __init__(self, model: Any, codec: Codec, vocabulary_size: int) -> None:
        """Keep model and codec."""
        self.model = model
        self.codec = codec
        self.vocabulary_size = vocabulary_size

    @property
    def variables(self) -> list[Any]:
        """Return the trainable Keras variables."""
        return self.model.trainable_variables

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Memory:
        """Return the sources: the model reads them anew at each step."""
        del dropout  # the model owns its dropout; RL runs without
        return {"ids": ops.convert_to_tensor(batch.source_ids)}

    def _log_probs(self, memory: Memory, inputs: Array, rows: Array) -> Array:
        """Decoder inputs (N, T) of prompts (N,) -> (N, T, V) float32 log-probs."""
        sources = ops.take(memory["ids"], rows, axis=0)
        logits = self.model(
            {"source_ids": sources, "target_ids": inputs}, training=False
        )
        never = np.where(np.arange(self.vocabulary_size) < EOS, -1e9, 0.0)
        logits = at_least_float32(logits)
        logits = logits + ops.cast(never, logits.dtype)
        return ops.log_softmax(logits, axis=-1)

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
        log_probs = self._log_probs(memory, texts, grid.rows)
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
        """Return the (P, G, T, V) log-probs, which are all that is known."""
        del dropout, packing
        inputs = decoder_inputs(actions)
        prompts, samples, length = inputs.shape
        flat = ops.reshape(inputs, (prompts * samples, length))
        log_probs = self._log_probs(memory, flat, Grid((prompts, samples)).rows)
        return ops.reshape(log_probs, (prompts, samples, length, -1))

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
        scored = score_known(hidden, actions, processors, support)
        # no PAD, no BOS
        mean = (
            ops.mean(hidden[..., EOS:], axis=-1) if "mean_log_probs" in want else None
        )
        return scored._replace(mean_log_probs=mean)
