"""Training, validation and test rows by a hash of the module they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from nutgraf.data.rows import Row

__all__ = ["split_by_module", "split_of"]


def split_of(module: str) -> str:
    """Return the split of a module: 80 % train, 5 % valid, 15 % test.

    The hash is of the name alone, so a module is in the same split on every machine.

    Args:
        module: dotted name of the file's module.

    Returns:
        "train", "valid" or "test".

    Example:
        >>> split_of("json.decoder")
        'train'
    """
    digest = hashlib.sha256(module.encode("utf-8")).digest()
    place = int.from_bytes(digest[:4], "big") % 100
    return "train" if place < 80 else "valid" if place < 85 else "test"


def split_by_module(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Split rows by the module in front of the colon of their id.

    Args:
        rows: rows with ids `module:name`.

    Returns:
        "train", "valid" and "test" rows, each in the order given.
    """
    parts: dict[str, list[Row]] = {"train": [], "valid": [], "test": []}
    for row in rows:
        parts[split_of(row.id.partition(":")[0])].append(row)
    return parts
