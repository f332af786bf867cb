"""R-Drop: two passes with different dropout shall agree.

The same tokens are scored twice, each time with another dropout, and beside the two
losses the symmetric KL between the two distributions is minimised, so that what is
learned depends less on which units were dropped. Liang et al. 2021, "R-Drop:
Regularized Dropout for Neural Networks", arXiv 2106.14448, eq. 1-3.

Difference from the paper: the loss is half of the paper's, the *mean* of both passes,
so that it is the plain loss, on its scale, where the weight is 0.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.shapes import check_same_shape

__all__ = ["r_drop_loss", "symmetric_kl"]

Array = Any


def symmetric_kl(log_probs: Array, other_log_probs: Array) -> Array:
    """Return (KL(p || q) + KL(q || p)) / 2 of whole distributions.

    Gradients flow to both.

    Args:
        log_probs: (..., V) float32 nats, log p, normalised; finite, -1e9 for what is
            forbidden.
        other_log_probs: (..., V) float32 nats, log q, forbidden in the same places.

    Returns:
        (...) float32 nats, >= 0.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> one, other = np.log(np.float32([[0.5, 0.5], [0.25, 0.75]]))
        >>> round(float(symmetric_kl(one, other)), 4)
        0.1373
    """
    check_same_shape(log_probs=log_probs, other_log_probs=other_log_probs)
    log_probs = ops.convert_to_tensor(log_probs)
    other_log_probs = ops.convert_to_tensor(other_log_probs)
    apart = (ops.exp(log_probs) - ops.exp(other_log_probs)) * (
        log_probs - other_log_probs
    )
    return 0.5 * ops.sum(apart, axis=-1)


def r_drop_loss(
    loss: Array, other_loss: Array, divergence: Array, weight: float
) -> Array:
    """Return the loss of each token from two passes, to be minimised.

    (loss + other_loss + weight · divergence) / 2

    Args:
        loss: (..., T) float32 nats, of the first pass.
        other_loss: (..., T) float32 nats, of the second pass.
        divergence: (..., T) float32 nats, of `symmetric_kl`.
        weight: >= 0, the paper's alpha: 5 for translation, 0.7 for summaries there.

    Returns:
        (..., T) float32 nats; padding is not masked here, see `reduce.py`.

    Raises:
        ConfigError: the weight is negative.
        ValueError: shapes differ.

    Example:
        >>> import numpy as np
        >>> one = np.ones(1, "float32")
        >>> float(r_drop_loss(2 * one, 4 * one, one, 0.5)[0])
        3.25

    Reference: Liang et al. 2021, arXiv 2106.14448, eq. 3.
    """
    check_same_shape(loss=loss, other_loss=other_loss, divergence=divergence)
    if not weight >= 0.0:
        raise ConfigError(
            f"weight must be >= 0. Received: weight={weight}. 1 to 5 are usual, 0 "
            "turns it off."
        )
    return 0.5 * (loss + other_loss + weight * divergence)
