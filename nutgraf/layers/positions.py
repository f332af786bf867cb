"""Sinusoidal positions in the halves layout: sines first, then cosines.

Vaswani et al. 2017, "Attention Is All You Need", section 3.5, arXiv 1706.03762; the
order of the columns is that of Pegasus (all sines, then all cosines), which changes no
model, only the order of its weights.
"""

from __future__ import annotations

import numpy as np

__all__ = ["sinusoidal_positions"]


def sinusoidal_positions(length: int, width: int) -> np.ndarray:
    """Return the table of position vectors.

    Args:
        length: int >= 1, number of positions.
        width: even int, size of each vector.

    Returns:
        (length, width) float32; row p holds sin(p / 10000**(2i/width)) for i in
        0..width/2-1, then the cosines.

    Raises:
        ValueError: width is odd.

    Example:
        >>> print(sinusoidal_positions(2, 4).round(2))
        [[0.   0.   1.   1.  ]
         [0.84 0.01 0.54 1.  ]]
    """
    if width % 2:
        raise ValueError(
            f"width must be even. Received: width={width}. Use {width + 1}."
        )
    rates = 10000.0 ** (-2.0 * np.arange(width // 2) / width)
    angles = np.arange(length)[:, None] * rates[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype("float32")
