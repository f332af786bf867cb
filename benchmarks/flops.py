"""What a step must compute, by arithmetic: two operations per product and sum.

Only matrix products count, each once: prompts are read once for their G samples, and no
position that holds nothing is computed. A step with its gradient takes three times as
much as the pass forward.
"""

from __future__ import annotations

import numpy as np

GEMM = 2 * 2048**3
"""Operations of the product that measures the machine."""


def forward(config: dict, sources: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return the operations of one pass over prompts and their samples.

    Args:
        config: fields of `ModelConfig`, of an encoder-decoder.
        sources: (P,) source tokens.
        targets: (P, G) actions.

    Returns:
        "encoder" (with the keys and values that the decoder reads), "decoder" (its
        products with weights), "attention" (of the decoder), "vocabulary", "copy".
    """
    width, hidden = config["width"], config["feed_forward"]
    dense, feed = 2 * width * width, 4 * width * hidden
    layers = {side: config[f"{side}_layers"] for side in ("encoder", "decoder")}
    sources, targets = sources.astype(float), targets.astype(float)
    read, written = sources.sum(), targets.sum()
    own = (targets * (targets + 1) / 2).sum()  # each action sees those before it
    crossed = (targets.sum(1) * sources).sum()
    pairs = own + crossed
    return {
        "encoder": layers["encoder"]
        * (read * (4 * dense + feed) + 4 * width * (sources**2).sum())
        + layers["decoder"] * read * 2 * dense,
        "decoder": layers["decoder"] * written * (6 * dense + feed),
        "attention": layers["decoder"] * 4 * width * pairs,
        "vocabulary": written * 2 * width * config["vocabulary_size"],
        "copy": config["copy"] * ((read + written) * dense + 2 * width * crossed),
    }


def supervised(config: dict, plan: list[dict]) -> float:
    """Return the operations of the steps of a plan, see `batches.py`.

    Args:
        config: of the model.
        plan: the batches.

    Returns:
        Their sum, weighed as the batches are.
    """
    total = 0.0
    for batch in plan:
        rows = np.array(batch["rows"])
        parts = forward(config, rows[:, 1], rows[:, 2:])
        total += 3 * batch["weight"] * sum(parts.values())
    return total
