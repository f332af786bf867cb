"""A policy over the spans of a text: first where an answer begins, then where it ends.

log p(span) = log p(start) + log p(end | start), exact and the same in sampling, RL and
supervised training. The start is drawn among the pieces of the text and `[CLS]`, which
stands for "no answer" (Devlin et al. 2019, sections 4.2 and 4.3, arXiv 1810.04805); the
end among the pieces from the start on, up to the longest answer.

Differences from the paper:

1. The paper draws start and end apart from each other, both among all tokens, question
   included, and leaves out ends before the start when it searches. Here what cannot be
   has no probability, so that the spans of a text and "no answer" add up to 1.
2. The logit of "no answer" is the start's logit of `[CLS]` alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import EOS, Batch, Processors, Scored
from nutgraf.layers.categorical import draw_logits
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Packing
from nutgraf.models.policy_state import (
    PolicyState,
    reorder_rows,
    select_rows,
    texts_grid,
)
from nutgraf.models.scoring import score_known
from nutgraf.models.span import SpanModel
from nutgraf.models.span_codec import SpanCodec
from nutgraf.models.span_folder import save_span_folder
from nutgraf.objectives.r_drop import symmetric_kl

__all__ = ["SpanPolicy"]

Array = Any
Memory = Any

_NEVER = -1e9
_POSSIBLE = -1e8
"""What is above this is possible."""


class SpanPolicy:
    """A `SpanModel` as a policy whose texts are spans.

    Args:
        model: the Keras model.
        codec: rows to arrays and back.

    Attributes:
        vocabulary_size: V, one more than the longest window: an action is a place + 1.
        state_width: D of the encoder.
    """

    def __init__(self, model: SpanModel, codec: SpanCodec) -> None:
        """Keep model and codec."""
        self.model = model
        self.codec = codec
        self.vocabulary_size = codec.max_source + 1
        self.state_width = model.config.width

    @property
    def variables(self) -> list[Any]:
        """Return the trainable Keras variables."""
        return list(self.model.trainable_variables)

    def save(
        self,
        folder: str | Path,
        values: list[np.ndarray] | None = None,
        card: dict[str, Any] | None = None,
    ) -> None:
        """Write a model folder.

        Args:
            folder: the folder; an older one is replaced when the new one is whole.
            values: weights to save in place of the model's own.
            card: run card, stored beside the model.
        """
        save_span_folder(folder, self.model, self.codec, values, card)

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Memory:
        """See `Policy.encode`: states, and logits by action for start and end."""
        ids, mask = batch.source_ids, ops.cast(batch.source_mask, "bool")
        ends = ops.cast(ops.equal(ids, self.codec.tokenizer.sep_id), "int32")
        before = ops.cumsum(ends, axis=1) - ends  # separators before each piece
        segments = ops.where(mask, ops.minimum(before, 1), 0)
        states, start, end = self.model.read(ids, mask, segments, dropout)
        text = ops.logical_and(segments == 1, ends == 0)
        return {
            "states": states,
            "start": self._by_action(start, text, start[:, :1]),
            "end": self._by_action(end, text, ops.full_like(end[:, :1], _NEVER)),
        }

    def _by_action(self, logits: Array, text: Array, ending: Array) -> Array:
        """(P, S) logits of places -> (P, V) of actions; (P, 1) that of the end."""
        allowed = ops.where(text, logits, _NEVER)[:, EOS:]
        never = ops.full_like(ending, _NEVER)
        rest = [(0, 0), (0, self.vocabulary_size - 1 - logits.shape[1])]
        allowed = ops.pad(allowed, rest, constant_values=_NEVER)
        return ops.concatenate([never, never, ending, allowed], axis=1)

    def _ends(self, table: Array, start: Array) -> Array:
        """(N, V) logits of the second action, of (N, V) end logits, (N,) starts."""
        numbers = ops.arange(self.vocabulary_size, dtype="int32")[None]
        start = ops.cast(start, "int32")[:, None]
        at_start = ops.take_along_axis(table, start, axis=1)  # the answer is one piece
        known = at_start > _POSSIBLE
        after = ops.logical_and(
            numbers > start, numbers < start + self.codec.max_answer
        )
        logits = ops.where(ops.logical_and(after, known), table, _NEVER)
        ending = ops.where(known, at_start, ops.zeros_like(at_start))
        return ops.where(numbers == EOS, ending, logits)

    def _ended(self, like: Array) -> Array:
        """(N, V) logits of what follows a span: the end."""
        numbers = ops.arange(self.vocabulary_size)
        return ops.where(numbers == EOS, ops.zeros_like(like), _NEVER)

    def init(self, memory: Memory, samples: int, length: int) -> PolicyState:
        """See `Policy.init`: only the time counts."""
        del memory, samples, length
        return PolicyState((), ops.convert_to_tensor(np.int32(0)))

    def step(
        self, memory: Memory, state: PolicyState, last: Array
    ) -> tuple[Array, PolicyState]:
        """See `Policy.step`."""
        last = ops.convert_to_tensor(last)
        rows = texts_grid(memory["start"].shape[0], state, last).rows
        start, end = (ops.take(memory[name], rows, axis=0) for name in ("start", "end"))
        second = ops.where(
            state.time == 1,
            self._ends(end, ops.reshape(last, (-1,))),
            self._ended(end),
        )
        logits = ops.where(state.time == 0, start, second)
        log_probs = ops.log_softmax(logits, axis=-1)
        after = PolicyState((), state.time + 1, state.packing)
        return ops.reshape(log_probs, (*last.shape, self.vocabulary_size)), after

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
        """See `Policy.hidden`: states of `[CLS]` or of the start, then log-probs."""
        del dropout, packing
        prompts, samples, length = actions.shape
        states, tables = memory["states"], (memory["start"], memory["end"])
        rows = np.repeat(np.arange(prompts, dtype="int32"), samples)
        start, end = (ops.take(table, rows, axis=0) for table in tables)
        first = ops.reshape(ops.convert_to_tensor(actions)[..., 0], (-1,))
        rest = [self._ended(end)] * (length - 2)
        logits = ops.stack([start, self._ends(end, first), *rest][:length], axis=1)
        summary = ops.take(states[:, 0], rows, axis=0)  # (P·G, D), of [CLS]
        place = ops.clip(ops.cast(first, "int32") - 1, 0, states.shape[1] - 1)
        inside = ops.take_along_axis(
            ops.take(states, rows, axis=0), place[:, None, None], axis=1
        )
        read = [summary, inside[:, 0], *[summary] * (length - 2)][:length]
        log_probs = ops.log_softmax(logits, axis=-1)
        both = [ops.cast(ops.stack(read, axis=1), log_probs.dtype), log_probs]
        return ops.reshape(
            ops.concatenate(both, axis=-1), (prompts, samples, length, -1)
        )

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
        """See `Policy.score`; "mean_log_probs" is over what is possible."""
        del memory, packing
        log_probs = hidden[..., self.state_width :]
        scored = score_known(log_probs, actions, processors, support)
        if "mean_log_probs" not in want:
            return scored
        possible = log_probs > _POSSIBLE
        count = ops.sum(ops.cast(possible, log_probs.dtype), axis=-1)
        total = ops.sum(ops.where(possible, log_probs, 0.0), axis=-1)
        return scored._replace(mean_log_probs=total / count)

    def divergence(
        self,
        one: tuple[Memory, Array],
        other: tuple[Memory, Array],
        packing: Packing | None = None,
    ) -> Array:
        """Return how far two passes over the same actions are apart, for R-Drop.

        Args:
            one: memory and (P, G, T, D + V), of `encode` and `hidden`.
            other: those of another pass over the same batch.
            packing: not used: few actions are written.

        Returns:
            (P, G, T) float32 nats, the symmetric KL between the distributions of each
            action.
        """
        del packing
        return symmetric_kl(*(x[1][..., self.state_width :] for x in (one, other)))
