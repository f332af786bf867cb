"""AdamW and gradient clipping as pure functions of arrays.

Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv 1711.05101,
algorithm 2; Kingma & Ba 2015, arXiv 1412.6980. The state is a tree of arrays, so it is
saved, restored and compiled like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.ranges import check_ranges

__all__ = ["AdamW", "OptimizerState", "clip_by_global_norm", "global_norm"]

Array = Any


class OptimizerState(NamedTuple):
    """Moments of AdamW.

    Attributes:
        count: int32 scalar, number of updates so far.
        means: running mean of each gradient.
        squares: running mean of each squared gradient.
    """

    count: Array
    means: list[Array]
    squares: list[Array]


def global_norm(grads: Sequence[Array]) -> Array:
    """Return the Euclidean norm of all gradients together.

    Args:
        grads: arrays of any shapes.

    Returns:
        float32 scalar.
    """
    squares = [ops.sum(ops.square(ops.cast(grad, "float32"))) for grad in grads]
    return ops.sqrt(sum(squares))


def clip_by_global_norm(
    grads: Sequence[Array], limit: float
) -> tuple[list[Array], Array]:
    """Shrink gradients together so that their norm is at most `limit`.

    Args:
        grads: the gradients.
        limit: float > 0; 0 leaves them alone.

    Returns:
        The gradients and their norm before clipping.
    """
    norm = global_norm(grads)
    if not limit:
        return list(grads), norm
    scale = ops.minimum(1.0, limit / ops.maximum(norm, 1e-12))
    return [grad * scale for grad in grads], norm


def _decays(name: str, value: Array) -> bool:
    return len(value.shape) > 1 and not name.endswith("bias")


@dataclass(frozen=True)
class AdamW:
    """Settings of AdamW; the learning rate is given at each update.

    Attributes:
        beta1: decay of the mean, in [0, 1).
        beta2: decay of the square, in [0, 1).
        epsilon: > 0, added to the root of the square.
        weight_decay: >= 0, applied to matrices only (not to biases and norms, whatever
            their shape: a GRU's bias has two rows).

    Raises:
        ConfigError: a value is out of range.
    """

    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(
            self, beta1="[0, 1)", beta2="[0, 1)", epsilon="> 0", weight_decay=">= 0"
        )

    def init(self, values: Sequence[Array]) -> OptimizerState:
        """Return the state before the first update.

        Args:
            values: the weights.

        Returns:
            Zeros.
        """
        zeros = [np.zeros(tuple(value.shape), "float32") for value in values]
        return OptimizerState(np.int32(0), zeros, [zero.copy() for zero in zeros])

    def update(
        self,
        values: Sequence[Array],
        grads: Sequence[Array],
        state: OptimizerState,
        learning_rate: Array,
        names: Sequence[str],
    ) -> tuple[list[Array], OptimizerState]:
        """Take one step against the gradients.

        Args:
            values: float32 weights.
            grads: one gradient per weight.
            state: of `init` or the update before.
            learning_rate: float32 scalar.
            names: of the weights, such as "decoder/layer_0/bias".

        Returns:
            New weights and new state.
        """
        count = state.count + 1
        steps = ops.cast(count, "float32")
        unbias1 = 1.0 - ops.power(np.float32(self.beta1), steps)
        unbias2 = 1.0 - ops.power(np.float32(self.beta2), steps)
        new_values, means, squares = [], [], []
        for name, value, grad, mean, square in zip(
            names, values, grads, state.means, state.squares, strict=True
        ):
            grad = ops.cast(grad, "float32")
            mean = self.beta1 * mean + (1.0 - self.beta1) * grad
            square = self.beta2 * square + (1.0 - self.beta2) * ops.square(grad)
            step = (mean / unbias1) / (ops.sqrt(square / unbias2) + self.epsilon)
            if self.weight_decay and _decays(name, value):
                step = step + self.weight_decay * value
            new_values.append(value - learning_rate * step)
            means.append(mean)
            squares.append(square)
        return new_values, OptimizerState(count, means, squares)
