"""A head that points into the source, mixed with the vocabulary in log space.

p(y) = g · softmax(vocabulary)(y) + (1 - g) · Σ_{s: source_s = y} a_s with a gate g and
one attention a over the source, as in See et al. 2017, "Get To The Point", eq. 9, arXiv
1704.04368.

Differences from the paper:
1. The attention has its own query and key, it is not the decoder's.
2. The gate reads the decoder state alone.
3. Source and vocabulary share word pieces, so there are no extra word slots.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from nutgraf.layers.categorical import categorical, first_above
from nutgraf.layers.precision import at_least_float32

__all__ = ["CopyHead", "draw_mixture", "log_add", "log_masked_sum"]

Array = Any

NEVER = -1e9
"""Log-prob of what cannot happen; finite, so that no gradient becomes NaN."""


def log_masked_sum(weights: Array, chosen: Array) -> Array:
    """Return the logarithm of the weight on chosen positions.

    Args:
        weights: (..., S) float32, >= 0.
        chosen: (..., S) bool.

    Returns:
        (...) float32, `NEVER` where nothing is chosen or all weight is lost.
    """
    total = ops.sum(ops.where(chosen, weights, 0.0), axis=-1)
    # double where: log's gradient at 0 would be inf, and inf * 0 is NaN
    positive = total > 1e-30
    return ops.where(positive, ops.log(ops.where(positive, total, 1.0)), NEVER)


def log_add(a: Array, b: Array) -> Array:
    """Return log(exp(a) + exp(b)) without overflow.

    Args:
        a: float32 logs.
        b: float32 logs of a broadcastable shape.

    Returns:
        float32 logs.
    """
    larger = ops.maximum(a, b)
    return larger + ops.log1p(ops.exp(-ops.abs(a - b)))


def draw_mixture(
    logits: Array, weights: Array, gate: Array, source_ids: Array, uniforms: Array
) -> tuple[Array, Array]:
    """Draw from the mixture: first which part, then an action of that part.

    Nothing is scattered into the vocabulary; the log-prob is the mixture's, whichever
    part the action came from.

    Args:
        logits: (N, V) float32 of the vocabulary.
        weights: (N, S) float32 on the source, which sum to 1.
        gate: (N,) float32, logit of the vocabulary's share.
        source_ids: (N, S) int32.
        uniforms: (N,) float32 in (0, 1).

    Returns:
        (N,) int32 actions and their (N,) float32 log-probs, nats.
    """
    share = ops.sigmoid(gate)
    generated = uniforms < share
    rest = ops.where(
        generated,
        uniforms / share,
        (uniforms - share) / ops.maximum(1.0 - share, 1e-30),
    )
    rest = ops.clip(rest, 0.0, 1.0 - 2.0**-24)
    word, normaliser = categorical(logits, rest)
    place, _ = first_above(weights, rest * ops.sum(weights, axis=-1))
    copied = ops.take_along_axis(source_ids, place[:, None], axis=-1)[:, 0]
    actions = ops.where(generated, word, copied)
    chosen = ops.take_along_axis(logits, actions[:, None], axis=-1)[:, 0] - normaliser
    pointed = log_masked_sum(weights, ops.equal(source_ids, actions[:, None]))
    return actions, log_add(chosen - ops.softplus(-gate), pointed - ops.softplus(gate))


class CopyHead(keras.layers.Layer):
    """Gate and attention of the copy mixture.

    Args:
        width: int, size of decoder and encoder states.

    Reference: See et al. 2017, arXiv 1704.04368, eq. 8-9.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        """Create query, key and gate."""
        super().__init__(**kwargs)
        self.width = width
        policy = self.dtype_policy
        self.query = keras.layers.Dense(width, name="query", dtype=policy)
        self.key = keras.layers.Dense(width, name="key", dtype=policy)
        self.gate = keras.layers.Dense(
            1,
            name="gate",
            dtype=policy,
            bias_initializer=keras.initializers.Constant(1.0),
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        for layer in (self.query, self.key, self.gate):
            layer.build((None, None, self.width))
        self.built = True

    def keys(self, states: Array) -> Array:
        """Project encoder states to keys.

        Args:
            states: (P, S, D).

        Returns:
            (P, S, D) keys.
        """
        return self.key(states)

    def call(self, hidden: Array, keys: Array, visible: Array) -> tuple[Array, Array]:
        """Return where the head points and whether it is used.

        Args:
            hidden: (P, Q, D) decoder states, the samples of a prompt as one query.
            keys: (P, S, D) projected encoder states.
            visible: (P, 1, S) bool, True = a source token.

        Returns:
            weights (P, Q, S) float32, which sum to 1, and gate logits (P, Q) float32
            (sigmoid of it = share of the vocabulary).
        """
        query = self.query(hidden) * self.width**-0.5
        query = ops.cast(query, keys.dtype)
        scores = ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
        scores = ops.where(visible, at_least_float32(scores), NEVER)
        gate = at_least_float32(self.gate(hidden))
        return ops.softmax(scores, axis=-1), ops.squeeze(gate, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "width": self.width}
