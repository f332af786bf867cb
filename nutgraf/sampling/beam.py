"""Beam search in one compiled loop.

At each step the 2·K best continuations of the K open hypotheses are looked at; those
among the first K that end are closed with the score log p / ((5 + length) / 6)^α (Wu et
al. 2016, arXiv 1609.08144, eq. 14); the best K that do not end stay open. A row is done
when K hypotheses are closed. A beam of 1 is greedy search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.arrays import BOS, EOS, PAD, Batch, Processors, Rollout
from nutgraf.backend import jit, to_numpy, with_values
from nutgraf.errors import ConfigError
from nutgraf.layers.processors import process

__all__ = ["BeamSearch"]

Array = Any

WORST = -1e9
BLOCK = 128
"""Scores whose largest is looked at before the scores themselves."""


class _Beam(NamedTuple):
    """What the loop carries; P prompts, K hypotheses, T steps."""

    time: Array
    state: Any
    last: Array
    actions: Array
    log_probs: Array
    scores: Array
    closed_actions: Array
    closed_log_probs: Array
    closed_scores: Array


class BeamSearch:
    """A compiled beam search over one policy.

    Args:
        policy: the policy.
        beams: K >= 1, hypotheses kept.
        length: T >= 1, most actions per text.
        length_penalty: α >= 0; 0 compares sums of log-probs, 1 nearly their means.
        processors: minimum length, n-gram blocking, temperature; no top-k or top-p.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(
        self,
        policy: Any,
        beams: int = 4,
        length: int = 96,
        length_penalty: float = 1.0,
        processors: Processors = Processors(),  # noqa: B008 - frozen
    ) -> None:
        """Compile at the first call with each shape."""
        if beams < 1 or length < 1 or length_penalty < 0:
            raise ConfigError(
                "beams and length must be integers >= 1, length_penalty >= 0. "
                f"Received: beams={beams}, length={length}, "
                f"length_penalty={length_penalty}. Leave them out for 4, 96 and 1."
            )
        if processors.filters:
            raise ConfigError(
                "Beam search takes no top_k or top_p: it draws nothing. Received: "
                f"top_k={processors.top_k}, top_p={processors.top_p}. Leave them out."
            )
        self.policy = policy
        self.beams = beams
        self.length = length
        self.length_penalty = length_penalty
        self.processors = processors
        self.compiled = jit(self._run)

    def __call__(self, values: Sequence[Array], batch: Batch) -> Rollout:
        """Search.

        Args:
            values: the policy's weights.
            batch: P prompts.

        Returns:
            A rollout with the best text of each prompt (G = 1), as numpy arrays.
        """
        actions, log_probs = to_numpy(self.compiled(list(values), batch))
        ended = (actions == EOS).any(axis=-1)
        first_end = np.where(ended, (actions == EOS).argmax(axis=-1), self.length - 1)
        mask = np.arange(self.length) <= first_end[..., None]
        return Rollout(
            batch=batch,
            actions=np.where(mask, actions, PAD),
            log_probs=np.where(mask, log_probs, 0.0).astype("float32"),
            mask=mask,
            ended=ended,
            truncated=~ended,
            processors=self.processors,
        )

    def _run(self, values: list[Array], batch: Batch) -> tuple[Array, Array]:
        with with_values(self.policy.variables, values):
            memory = self.policy.encode(batch)
            start = self._start(memory, batch.row_ids.shape[0])

            def goes_on(*carried: Any) -> Array:
                return ops.any(_Beam(*carried).closed_scores <= WORST)

            def step(*carried: Any) -> _Beam:
                return self._step(_Beam(*carried), memory)

            beam = _Beam(
                *ops.while_loop(goes_on, step, start, maximum_iterations=self.length)
            )
        return self._best(beam)

    def _start(self, memory: Any, prompts: int) -> _Beam:
        shape = (prompts, self.beams)
        texts = ops.full((*shape, self.length), PAD, dtype="int32")
        zeros = ops.zeros((*shape, self.length), dtype="float32")
        scores = np.full(shape, WORST, "float32")
        scores[:, 0] = 0.0  # all hypotheses are equal at first: open one
        worst = ops.convert_to_tensor(np.full(shape, WORST, "float32"))
        return _Beam(
            ops.convert_to_tensor(np.int32(0)),
            self.policy.init(memory, self.beams, self.length),
            ops.full(shape, BOS, dtype="int32"),
            texts,
            zeros,
            ops.convert_to_tensor(scores),
            texts,
            zeros,
            worst,
        )

    def _penalised(self, scores: Array, length: Array) -> Array:
        size = (5.0 + ops.cast(length, "float32")) / 6.0
        return scores / ops.power(size, np.float32(self.length_penalty))

    def _candidates(self, beam: _Beam, memory: Any) -> tuple[Array, ...]:
        """The 2K best continuations: scores, parents, actions, log-probs: (P, 2K)."""
        prompts, vocabulary = beam.last.shape[0], self.policy.vocabulary_size
        rows = prompts * self.beams
        raw, state = self.policy.step(memory, beam.state, beam.last)
        final, _ = process(
            ops.reshape(raw, (rows, 1, vocabulary)),
            self.processors,
            ops.reshape(beam.actions, (rows, self.length)),
            ops.reshape(beam.time, (1,)),
        )
        final = ops.reshape(final, (prompts, self.beams, vocabulary))
        total = ops.reshape(beam.scores[..., None] + final, (prompts, -1))
        scores, flat = _largest(total, 2 * self.beams)
        chosen = ops.take_along_axis(ops.reshape(final, (prompts, -1)), flat, axis=-1)
        return scores, flat // vocabulary, flat % vocabulary, chosen, state

    def _step(self, beam: _Beam, memory: Any) -> _Beam:
        scores, parents, actions, chosen, state = self._candidates(beam, memory)
        at = (0, 0, beam.time)
        texts = ops.take_along_axis(beam.actions, parents[..., None], axis=1)
        texts = ops.slice_update(texts, at, actions[..., None])
        traces = ops.take_along_axis(beam.log_probs, parents[..., None], axis=1)
        traces = ops.slice_update(traces, at, chosen[..., None])
        ends = actions == EOS
        first = np.arange(2 * self.beams)[None, :] < self.beams
        closes = ops.logical_and(ops.logical_and(ends, first), scores > WORST / 2)
        closed = self._close(beam, texts, traces, scores, closes)
        # the best K that go on
        scores = ops.where(ends, WORST, scores)
        scores, kept = ops.top_k(scores, self.beams)
        kept = ops.cast(kept, "int32")
        return _Beam(
            beam.time + 1,
            self.policy.reorder(state, ops.take_along_axis(parents, kept, axis=-1)),
            ops.take_along_axis(actions, kept, axis=-1),
            ops.take_along_axis(texts, kept[..., None], axis=1),
            ops.take_along_axis(traces, kept[..., None], axis=1),
            scores,
            *closed,
        )

    def _close(
        self, beam: _Beam, texts: Array, traces: Array, scores: Array, closes: Array
    ) -> tuple[Array, Array, Array]:
        """Add hypotheses that ended to those closed before; leave done rows alone."""
        done = ops.all(beam.closed_scores > WORST, axis=-1, keepdims=True)
        closes = ops.logical_and(closes, ops.logical_not(done))
        new = ops.where(closes, self._penalised(scores, beam.time + 1), WORST)
        both = ops.concatenate([beam.closed_scores, new], axis=-1)  # (P, 3K)
        best, index = ops.top_k(both, self.beams)
        index = ops.cast(index, "int32")[..., None]
        all_texts = ops.concatenate([beam.closed_actions, texts], axis=1)
        all_traces = ops.concatenate([beam.closed_log_probs, traces], axis=1)
        return (
            ops.take_along_axis(all_texts, index, axis=1),
            ops.take_along_axis(all_traces, index, axis=1),
            best,
        )

    def _best(self, beam: _Beam) -> tuple[Array, Array]:
        """The best closed hypothesis, or the best open one where none is closed."""
        none = ops.all(beam.closed_scores <= WORST, axis=-1)[:, None, None]
        actions = ops.where(none, beam.actions[:, :1], beam.closed_actions[:, :1])
        traces = ops.where(none, beam.log_probs[:, :1], beam.closed_log_probs[:, :1])
        return actions, traces


def _largest(scores: Array, count: int) -> tuple[Array, Array]:
    """The largest of each row (P, N) and their places, as `ops.top_k` has them.

    They lie in the `count` blocks with the largest maxima, so no more is ever sorted.
    """
    rows, size = scores.shape
    blocks = -(-size // BLOCK)
    if blocks <= count:
        values, places = ops.top_k(scores, count)
        return values, ops.cast(places, "int32")
    if space := blocks * BLOCK - size:
        scores = ops.pad(scores, [(0, 0), (0, space)], constant_values=-np.inf)
    table = ops.reshape(scores, (rows, blocks, BLOCK))
    _, best = ops.top_k(ops.max(table, axis=-1), count)
    best = ops.sort(ops.cast(best, "int32"), axis=-1)  # of equals, the first counts
    found = ops.take_along_axis(table, best[..., None], axis=1)  # (P, count, BLOCK)
    values, places = ops.top_k(ops.reshape(found, (rows, -1)), count)
    places = ops.cast(places, "int32")
    block = ops.take_along_axis(best, places // BLOCK, axis=-1)
    return values, block * BLOCK + places % BLOCK
