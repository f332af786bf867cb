"""The `Policy` protocol, through which all sampling and all RL sees a model.

Every method is pure in the values of `variables` (see `backend.with_values`): the KL
reference or a lagged copy is the same policy under other values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from keras import ops

from nutgraf.arrays import Batch, Processors, Scored
from nutgraf.backend import checkpointed
from nutgraf.layers.blocks import DecoderCache
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.processors import process, unpack_support
from nutgraf.models.codec import Codec
from nutgraf.models.encoder_decoder import EncoderDecoder

__all__ = ["EncoderDecoderPolicy", "Policy", "PolicyState", "score_full"]

Array = Any
Memory = Any
State = Any

LARGEST_CHUNK = 2**24
"""Number of (token, vocabulary) scores that are held at once."""


class PolicyState(NamedTuple):
    """Decoding state: caches of each block and the number of actions so far."""

    caches: Any
    time: Array


class Policy(Protocol):
    """A distribution over texts, one action at a time.

    Attributes:
        variables: the trainable Keras variables.
        vocabulary_size: V.
        codec: rows to arrays and back.
    """

    codec: Codec
    vocabulary_size: int

    @property
    def variables(self) -> list[Any]:
        """Return the trainable Keras variables."""

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Memory:
        """Read the prompts once.

        Args:
            batch: P prompts.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            The memory: a tree of arrays with leading axis P.
        """

    def init(self, memory: Memory, samples: int, length: int) -> State:
        """Return the state before the first action.

        Args:
            memory: of `encode`.
            samples: G, texts per prompt.
            length: T, the longest text.

        Returns:
            The state of P·G texts.
        """

    def step(self, memory: Memory, state: State, last: Array) -> tuple[Array, State]:
        """Go on by one action.

        Args:
            memory: of `encode`.
            state: of `init` or of the step before.
            last: (P, G) int32, the last actions; `BOS` at first.

        Returns:
            (P, G, V) float32 log-probs of the next action, and the new state.
        """

    def reorder(self, state: State, parents: Array) -> State:
        """Let samples go on from other samples of their prompt.

        Args:
            state: of `step`.
            parents: (P, G) int32; sample g of prompt p goes on from parents[p, g].

        Returns:
            The state in the new order.
        """

    def hidden(
        self, memory: Memory, actions: Array, dropout: Dropout | None = None
    ) -> Array:
        """Return the states from which given actions are drawn (teacher forcing).

        Args:
            memory: of `encode`.
            actions: (P, G, T) int32.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            (P, G, T, D); state t has read the actions before t.
        """

    def score(
        self,
        memory: Memory,
        hidden: Array,
        actions: Array,
        processors: Processors,
        want: frozenset[str] = frozenset(),
        support: Array | None = None,
    ) -> Scored:
        """Return log-probs of actions, and on request more.

        Args:
            memory: of `encode`.
            hidden: (P, G, T, D), of `hidden`.
            actions: (P, G, T) int32.
            processors: as in sampling.
            want: any of "entropy" (whole distributions are made then),
                "mean_log_probs" (plain processors only).
            support: the rollout's, when it was filtered.

        Returns:
            The scores, (P, G, T) float32 each.
        """


def _chunks(length: int, per_step: int) -> list[slice]:
    """Split `length` steps so that a chunk holds at most `LARGEST_CHUNK` scores."""
    size = max(1, LARGEST_CHUNK // max(per_step, 1))
    return [slice(start, start + size) for start in range(0, length, size)]


def _score_all(
    log_probs: Array,
    actions: Array,
    history: Array,
    times: Array,
    processors: Processors,
    support: Array | None,
) -> tuple[Array, Array]:
    """Log-probs and entropies (R, Q) of actions under processed distributions."""
    final, _ = process(log_probs, processors, history, times, support)
    chosen = ops.take_along_axis(final, actions[..., None], axis=-1)[..., 0]
    probs = ops.exp(final)
    entropy = -ops.sum(ops.where(probs > 0, probs * final, 0.0), axis=-1)
    return chosen, entropy


def score_full(
    log_probs_of: Callable[..., Array],
    differentiable: tuple[Array, ...],
    actions: Array,
    processors: Processors,
    vocabulary_size: int,
    support: Array | None,
) -> Scored:
    """Score with whole distributions, a chunk of steps at a time.

    Args:
        log_probs_of: `(*differentiable, steps) -> (P·G, Q, V)` log-probs of the steps
            in the slice `steps`.
        differentiable: the arrays that gradients flow to.
        actions: (P, G, T) int32.
        processors: the static settings.
        vocabulary_size: V.
        support: (P, G, T, ceil(V / 32)) int32 bits, or None.

    Returns:
        Log-probs and entropies.
    """
    prompts, samples, length = actions.shape
    rows = prompts * samples
    flat = ops.reshape(actions, (rows, length))
    parts = []
    for steps in _chunks(length, rows * vocabulary_size):
        times = np.arange(length, dtype="int32")[steps]
        kept = None
        if support is not None:
            bits = ops.reshape(support, (rows, length, -1))[:, steps]
            kept = unpack_support(bits, vocabulary_size)

        def chunk(
            *arrays: Array,
            steps: slice = steps,
            times: Array = times,
            kept: Array | None = kept,
        ) -> Array:
            chosen, entropy = _score_all(
                log_probs_of(*arrays, steps),
                flat[:, steps],
                flat,
                ops.convert_to_tensor(times),
                processors,
                kept,
            )
            return ops.stack([chosen, entropy])

        parts.append(checkpointed(chunk)(*differentiable))
    both = ops.reshape(ops.concatenate(parts, axis=-1), (2, prompts, samples, length))
    return Scored(both[0], both[1])


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
        hidden, caches = self.model.step(memory, state.caches, state.time, last)
        logits = self.model.vocabulary_logits(hidden, self.model.output_table())
        pointers = self.model.pointers(memory, hidden)
        log_probs = self.model.mixture(logits, pointers, memory["ids"])
        return log_probs, PolicyState(caches, state.time + 1)

    def reorder(self, state: PolicyState, parents: Array) -> PolicyState:
        """See `Policy.reorder`."""
        prompts, samples = parents.shape
        offsets = ops.arange(prompts, dtype="int32")[:, None] * samples
        rows = ops.reshape(ops.convert_to_tensor(parents) + offsets, (-1,))
        caches = [
            DecoderCache(ops.take(c.keys, rows, axis=0), ops.take(c.values, rows, 0))
            for c in state.caches
        ]
        return PolicyState(caches, state.time)

    def hidden(
        self, memory: Memory, actions: Array, dropout: Dropout | None = None
    ) -> Array:
        """See `Policy.hidden`."""
        return self.model.hidden(memory, actions, dropout)

    def score(
        self,
        memory: Memory,
        hidden: Array,
        actions: Array,
        processors: Processors = Processors(),  # noqa: B008 - frozen
        want: frozenset[str] = frozenset(),
        support: Array | None = None,
    ) -> Scored:
        """See `Policy.score`."""
        if processors.plain and "entropy" not in want:
            return self._score_actions(memory, hidden, actions)
        prompts, samples, length = actions.shape
        states = ops.reshape(hidden, (prompts, samples * length, -1))
        pointers = self.model.pointers(memory, states)
        shape = (prompts, samples, length)
        by_time = [hidden]
        if pointers is not None:
            by_time.append(ops.reshape(pointers[0], (*shape, -1)))
            by_time.append(ops.reshape(pointers[1], (*shape, 1)))

        def log_probs_of(table: Array, *arrays: Any) -> Array:
            *parts, steps = arrays
            states, *pointed = [_merge(part[:, :, steps]) for part in parts]
            logits = self.model.vocabulary_logits(states, table)
            mixed = self.model.mixture(
                logits,
                (pointed[0], pointed[1][..., 0]) if pointed else None,
                memory["ids"],
            )
            return ops.reshape(mixed, (prompts * samples, -1, self.vocabulary_size))

        return score_full(
            log_probs_of,
            (self.model.output_table(), *by_time),
            actions,
            processors,
            self.vocabulary_size,
            support,
        )

    def _score_actions(self, memory: Memory, hidden: Array, actions: Array) -> Scored:
        """Score plain actions: no scatter, no whole distribution kept."""
        prompts, samples, length = actions.shape
        queries = samples * length
        states = ops.reshape(hidden, (prompts, queries, -1))
        flat = ops.reshape(actions, (prompts, queries))
        pointers = self.model.pointers(memory, states)
        table = self.model.output_table()
        parts = []
        for steps in _chunks(queries, prompts * self.vocabulary_size):

            def chunk(*arrays: Array, steps: slice = steps) -> Array:
                table, states, *pointed = arrays
                log_probs, mean = self.model.mixture_of_actions(
                    self.model.vocabulary_logits(states, table),
                    (pointed[0], pointed[1]) if pointed else None,
                    memory["ids"],
                    flat[:, steps],
                )
                return ops.stack([log_probs, mean])

            pointed = [] if pointers is None else [p[:, steps] for p in pointers]
            parts.append(checkpointed(chunk)(table, states[:, steps], *pointed))
        both = parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
        both = ops.reshape(both, (2, prompts, samples, length))
        return Scored(both[0], None, both[1])


def _merge(x: Array) -> Array:
    """(P, G, Q, ...) -> (P, G·Q, ...)."""
    shape = x.shape
    return ops.reshape(x, (shape[0], shape[1] * shape[2], *shape[3:]))
