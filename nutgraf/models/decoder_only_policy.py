"""The policy over a decoder-only Transformer, and its likelihood of plain text."""

from __future__ import annotations

from typing import Any

from nutgraf.layers.dropout import Dropout
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy

__all__ = ["DecoderOnlyPolicy"]

Array = Any


class DecoderOnlyPolicy(EncoderDecoderPolicy):
    """A `DecoderOnly` as a policy.

    The model has the methods that `EncoderDecoderPolicy` calls, so it is sampled and
    scored by the same code.

    Args:
        model: the Keras model, a `DecoderOnly`.
        codec: rows to arrays and back.
    """

    def log_probs_of_text(
        self,
        ids: Array,
        positions: Array,
        segments: Array,
        targets: Array,
        dropout: Dropout | None = None,
    ) -> Array:
        """Return the log-prob of the token that follows each token of plain text.

        Args:
            ids: (B, L) int32, rows of several texts.
            positions: (B, L) int32, of each token in its own text.
            segments: (B, L) int32, which text of the row a token belongs to.
            targets: (B, L) int32, the token that follows each.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            (B, L) float32 nats; never more than a chunk of distributions is held.
        """
        hidden = self.model.read(ids, positions, segments, dropout)
        scored = self.score({"ids": ids}, hidden[:, None], targets[:, None])
        return scored.log_probs[:, 0]
