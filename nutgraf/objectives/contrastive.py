"""Learning embeddings from pairs: a query is near its own document, far from others.

InfoNCE over the documents of a batch ("multiple negatives ranking"): the documents of
the other queries are negatives for free, hard ones may come on top. It is the listwise
loss of `listwise.py` with one relevant document and cosines as scores.

Reference: van den Oord et al. 2018, "Representation Learning with Contrastive
Predictive Coding", eq. 4, arXiv 1807.03748; Henderson et al. 2017, "Efficient Natural
Language Response Suggestion", section 4.4, arXiv 1705.00652; Karpukhin et al. 2020,
"Dense Passage Retrieval", section 3.2, arXiv 2004.04906.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import check_shapes
from nutgraf.errors import ConfigError
from nutgraf.objectives.listwise import listwise_loss

__all__ = ["contrastive_loss", "normalised"]

Array = Any


def normalised(vectors: Array) -> Array:
    """Return vectors of length 1.

    Args:
        vectors: (..., D) float32.

    Returns:
        (..., D) float32; a vector of zeros stays one.
    """
    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squares, 1e-24))


def contrastive_loss(
    queries: Array,
    documents: Array,
    allowed: Array | None = None,
    *,
    temperature: float = 0.05,
) -> Array:
    """Return -log softmax of each query's own document among all, to be minimised.

    Args:
        queries: (B, D) float32, any length: cosines are taken.
        documents: (M, D) float32, M >= B; document b belongs to query b, the rest are
            further negatives.
        allowed: (B, M) bool, False = this document is no negative of this query, for
            instance as it answers it too; its own always counts. None = all are.
        temperature: > 0; cosines are divided by it.

    Returns:
        (B,) float32 nats.

    Raises:
        ConfigError: `temperature` is out of range.
        ValueError: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> vectors = np.eye(2, dtype="float32")
        >>> loss = contrastive_loss(vectors, vectors, temperature=1.0)
        >>> loss.__array__().astype("float64").round(4).tolist()  # log(1 + 1/e)
        [0.3133, 0.3133]

    Reference: van den Oord et al. 2018, eq. 4.
    """
    if not temperature > 0:
        raise ConfigError(
            f"temperature must be > 0. Received: temperature={temperature}. 0.05 is "
            "usual for cosines."
        )
    sizes = check_shapes(queries=(queries, "B D"), documents=(documents, "M D"))
    if sizes["M"] < sizes["B"]:
        raise ValueError(
            "documents must begin with one of each query. Received: "
            f"{sizes['M']} documents, {sizes['B']} queries. Add the missing ones."
        )
    cosines = ops.matmul(normalised(queries), ops.transpose(normalised(documents)))
    own = np.eye(sizes["B"], sizes["M"], dtype="float32")
    mask = None
    if allowed is not None:
        check_shapes(allowed=(allowed, f"{sizes['B']} {sizes['M']}"))
        mask = ops.logical_or(allowed, own > 0)
    return listwise_loss(cosines / temperature, own, mask)
