"""The policy over a Transformer: an `EncoderDecoder`, or a model with its methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import Batch, Processors, Scored
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Grid, Packing
from nutgraf.models.codec import Codec
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.policy_state import (
    PolicyState,
    reorder_rows,
    select_rows,
    texts_grid,
)
from nutgraf.models.scoring import in_chunks, of_actions, score_full
from nutgraf.objectives.r_drop import symmetric_kl

__all__ = ["EncoderDecoderPolicy"]

Array = Any
Memory = Any


class EncoderDecoderPolicy:
    """An `EncoderDecoder` as a policy.

    Args:
        model: the Keras model.
        codec: rows to arrays and back.
    """

    def __init__(self, model: EncoderDecoder, codec: Codec) -> None:
        """Keep model and codec."""
        self.model = model
        self.codec = codec
        self.vocabulary_size = model.config.vocabulary_size

    @property
    def variables(self) -> list[Any]:
        """Return the trainable Keras variables."""
        return self.model.trainable_variables

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Memory:
        """See `Policy.encode`."""
        return self.model.encode(batch.source_ids, batch.source_mask, dropout)

    def init(self, memory: Memory, samples: int, length: int) -> PolicyState:
        """See `Policy.init`."""
        prompts = memory["ids"].shape[0]
        caches = self.model.start(prompts, samples, length)
        return PolicyState(caches, ops.convert_to_tensor(np.int32(0)))

    def step(
        self, memory: Memory, state: PolicyState, last: Array
    ) -> tuple[Array, PolicyState]:
        """See `Policy.step`."""
        logits, pointers, source_ids, after = self._step(memory, state, last)
        if pointers is not None:
            weights, gate = pointers
            pointers = weights[:, None], gate[:, None]
        log_probs = self.model.mixture(logits[:, None], pointers, source_ids)
        shape = (*last.shape, self.vocabulary_size)
        return ops.reshape(log_probs, shape), after

    def draw(
        self, memory: Memory, state: PolicyState, last: Array, uniforms: Array
    ) -> tuple[Array, Array, PolicyState]:
        """See `Policy.draw`."""
        logits, pointers, source_ids, after = self._step(memory, state, last)
        return *self.model.draw(logits, pointers, source_ids, uniforms), after

    def _step(
        self, memory: Memory, state: PolicyState, last: Array
    ) -> tuple[Array, tuple[Array, Array] | None, Array, PolicyState]:
        """Logits (N, V), pointers (N, S) and (N,), source ids (N, S), new state."""
        grid = texts_grid(memory["ids"].shape[0], state, last)
        hidden, caches = self.model.step(
            memory, state.caches, state.time, ops.reshape(last, (-1,)), grid
        )
        logits = self.model.vocabulary_logits(hidden, self.model.output_table())
        pointers = self.model.pointers(memory, grid.spread(hidden))
        if pointers is not None:
            weights, gate = pointers
            pointers = grid.collect(weights), grid.collect(gate)
        source_ids = ops.take(memory["ids"], grid.rows, axis=0)
        after = PolicyState(caches, state.time + 1, state.packing)
        return logits, pointers, source_ids, after

    select = staticmethod(select_rows)
    reorder = staticmethod(reorder_rows)

    def hidden(
        self,
        memory: Memory,
        actions: Array,
        dropout: Dropout | None = None,
        packing: Packing | None = None,
    ) -> Array:
        """See `Policy.hidden`."""
        return self.model.hidden(memory, actions, dropout, packing)

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
        if processors.plain and "entropy" not in want:
            return self._score_actions(memory, hidden, actions, want, packing)
        shape = tuple(actions.shape)
        rows = ops.reshape(self._rows(memory, hidden), (*shape, -1))

        def log_probs_of(table: Array, rows: Array) -> Array:
            joined = ops.reshape(rows, (shape[0], -1, rows.shape[-1]))  # (P, G·Q, F)
            found = self._log_probs(table, joined, memory["ids"])
            return ops.reshape(found, (*rows.shape[:2], self.vocabulary_size))

        return score_full(
            log_probs_of,
            self.model.output_table(),
            rows,
            actions,
            processors,
            self.vocabulary_size,
            support,
        )

    def divergence(
        self,
        one: tuple[Memory, Array],
        other: tuple[Memory, Array],
        packing: Packing | None = None,
    ) -> Array:
        """Return how far two passes over the same actions are apart, for R-Drop.

        Args:
            one: memory and (P, G, T, D) states of a pass, of `encode` and `hidden`.
            other: those of another pass over the same batch.
            packing: the actions that count; the others get 0. None = all.

        Returns:
            (P, G, T) float32 nats, the symmetric KL between the distributions of each
            action. Whole distributions exist for a chunk of actions at a time only.
        """
        prompts, samples, length = one[1].shape[:3]
        grid = Grid((prompts, samples * length), packing)
        rows = [grid.collect(self._rows(*passed)) for passed in (one, other)]
        width = rows[0].shape[-1]

        def of_chunk(table: Array, rows: Array, sources: Array) -> Array:
            both = rows[:, None, :width], rows[:, None, width:]  # (C, 1, F) each
            return symmetric_kl(*(self._log_probs(table, x, sources) for x in both))

        found = in_chunks(
            of_chunk,
            self.model.output_table(),
            ops.concatenate(rows, axis=-1),
            ops.take(one[0]["ids"], ops.minimum(grid.rows, prompts - 1), axis=0),
            2 * self.vocabulary_size,
        )
        return ops.reshape(grid.spread(found), (prompts, samples, length))

    def _rows(self, memory: Memory, hidden: Array) -> Array:
        """What distributions are made of, side by side: (P, G·T, F) of (P, G, T, D)."""
        prompts, samples, length, width = hidden.shape
        states = ops.reshape(hidden, (prompts, samples * length, width))
        pointers = self.model.pointers(memory, states)
        if pointers is None:
            return states
        weights, gate = pointers
        wide = ops.cast(states, weights.dtype)
        return ops.concatenate([wide, weights, gate[..., None]], axis=-1)

    def _log_probs(self, table: Array, rows: Array, source_ids: Array) -> Array:
        """(B, Q, V) log-probs of (B, Q, F) rows whose sources are (B, S)."""
        width = self.model.config.width
        states = ops.cast(rows[..., :width], table.dtype)
        pointers = None
        if rows.shape[-1] > width:
            pointers = rows[..., width:-1], rows[..., -1]
        logits = self.model.vocabulary_logits(states, table)
        return self.model.mixture(logits, pointers, source_ids)

    def _score_actions(
        self,
        memory: Memory,
        hidden: Array,
        actions: Array,
        want: frozenset[str],
        packing: Packing | None,
    ) -> Scored:
        """Score plain actions: no scatter, no whole distribution kept."""
        prompts, samples, length = actions.shape
        grid = Grid((prompts, samples * length), packing)
        states = ops.reshape(hidden, (*grid.shape, -1))
        flat = ops.reshape(actions, grid.shape)
        table = self.model.output_table()
        mean = "mean_log_probs" in want

        def of_chunk(table: Array, states: Array, ids: Array) -> Array:
            return of_actions(self.model.vocabulary_logits(states, table), ids, mean)

        both = grid.spread(
            in_chunks(
                of_chunk,
                table,
                grid.collect(states),
                grid.collect(flat),
                self.vocabulary_size,
            )
        )
        pointers = self.model.pointers(memory, states)
        mixed = self.model.mixture_of_actions(
            both[..., 0], pointers, memory["ids"], flat
        )
        shape = (prompts, samples, length)
        means = ops.reshape(both[..., 1], shape) if mean else None
        return Scored(ops.reshape(mixed, shape), None, means)
