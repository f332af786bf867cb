"""The policy over a `RecurrentEncoderDecoder`."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import Processors, Scored
from nutgraf.layers.additive_attention import coverage_loss
from nutgraf.layers.packing import Packing
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.models.policy_state import PolicyState

__all__ = ["RecurrentPolicy"]

Array = Any
Memory = Any


class RecurrentPolicy(EncoderDecoderPolicy):
    """A `RecurrentEncoderDecoder` as a policy.

    With coverage, `score` also gives the coverage loss, which supervised training adds
    to the likelihood with weight 1 (See et al. 2017, eq. 13).

    Args:
        model: the Keras model.
        codec: rows to arrays and back.
    """

    model: Any

    @property
    def state_width(self) -> int:
        """Return D: behind it `hidden` carries the attention's weights."""
        return int(self.model.config.width)

    def init(self, memory: Memory, samples: int, length: int) -> PolicyState:
        """See `Policy.init`."""
        del length
        start = self.model.start(memory, samples)
        return PolicyState(start, ops.convert_to_tensor(np.int32(0)))

    def _rows(self, memory: Memory, hidden: Array) -> Array:
        prompts, samples, length, width = hidden.shape
        rows = ops.reshape(hidden, (prompts, samples * length, width))
        return rows if self.model.config.copy else rows[..., : self.state_width]

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
        scored = super().score(
            memory, hidden, actions, processors, want, support, packing
        )
        if not self.model.config.coverage:
            return scored
        attention = self.model.attention_of(memory, hidden)
        return scored._replace(auxiliary=coverage_loss(attention))
