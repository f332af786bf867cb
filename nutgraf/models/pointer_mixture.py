"""The output of a model that may copy: its vocabulary, mixed with a pointer.

Nothing of a mixture is scattered into the vocabulary but where a whole distribution is
asked for; see `nutgraf.layers.copy_head`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import BOS, PAD
from nutgraf.layers.categorical import draw_logits
from nutgraf.layers.copy_head import draw_mixture, log_add, log_masked_sum
from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.processors import count_into
from nutgraf.models.config import ModelConfig

__all__ = ["PointerMixture"]

Array = Any


class PointerMixture:
    """What models with tied embeddings and a pointer have in common.

    Attributes:
        config: the settings.
        embedding: the table that input and output share.
        compute_dtype: of products.
    """

    config: ModelConfig
    embedding: Any
    compute_dtype: Any

    def output_table(self) -> Array:
        """Return the (V, D) output weights: the shared embeddings."""
        return ops.cast(
            ops.convert_to_tensor(self.embedding.embeddings), self.compute_dtype
        )

    def vocabulary_logits(self, hidden: Array, table: Array) -> Array:
        """Return the vocabulary's logits.

        Args:
            hidden: (..., D or more), of which the first D numbers are read.
            table: (V, D), of `output_table`.

        Returns:
            (..., V) float32; those of `PAD` and `BOS` are -1e9.
        """
        states = ops.cast(hidden[..., : table.shape[-1]], table.dtype)
        logits = at_least_float32(ops.matmul(states, ops.transpose(table)))
        never = np.zeros(self.config.vocabulary_size, "float32")
        never[[PAD, BOS]] = -1e9
        return logits + ops.cast(never, logits.dtype)

    def mixture(
        self, logits: Array, pointers: tuple[Array, Array] | None, source_ids: Array
    ) -> Array:
        """Return the log-probs of all actions.

        Args:
            logits: (P, Q, V) float32.
            pointers: of `pointers`.
            source_ids: (P, S) int32.

        Returns:
            (P, Q, V) float32 nats, normalised.
        """
        log_probs = ops.log_softmax(logits, axis=-1)
        if pointers is None:
            return log_probs
        weights, gate = pointers
        copied = count_into(
            weights, source_ids[:, None, :], self.config.vocabulary_size
        )
        possible = copied > 1e-30  # double where: no infinite gradient at log(0)
        copied = ops.where(possible, ops.log(ops.where(possible, copied, 1.0)), -1e9)
        return log_add(
            log_probs - ops.softplus(-gate)[..., None],
            copied - ops.softplus(gate)[..., None],
        )

    def draw(
        self,
        logits: Array,
        pointers: tuple[Array, Array] | None,
        source_ids: Array,
        uniforms: Array,
    ) -> tuple[Array, Array]:
        """Draw an action for each of N texts.

        Args:
            logits: (N, V) float32.
            pointers: weights (N, S) and gates (N,), or None.
            source_ids: (N, S) int32.
            uniforms: (N,) float32 in (0, 1).

        Returns:
            (N,) int32 actions and their (N,) float32 log-probs, nats.
        """
        if pointers is None:
            return draw_logits(logits, uniforms)
        return draw_mixture(logits, *pointers, source_ids, uniforms)

    def mixture_of_actions(
        self,
        log_probs: Array,
        pointers: tuple[Array, Array] | None,
        source_ids: Array,
        actions: Array,
    ) -> Array:
        """Mix copying into the log-probs of given actions; no scatter is needed.

        Args:
            log_probs: (P, Q) float32 nats, of the vocabulary alone.
            pointers: of `pointers`.
            source_ids: (P, S) int32.
            actions: (P, Q) int32.

        Returns:
            (P, Q) float32 nats of the actions.
        """
        if pointers is None:
            return log_probs
        weights, gate = pointers
        same = ops.equal(source_ids[:, None, :], actions[..., None])  # (P, Q, S)
        copied = log_masked_sum(weights, same)
        return log_add(log_probs - ops.softplus(-gate), copied - ops.softplus(gate))
