"""The check that texts and their references fit together, for all metrics."""

from __future__ import annotations

from collections.abc import Sequence

from nutgraf.errors import DataError

__all__ = ["check_references", "reference_count"]


def check_references(
    predictions: Sequence[str], references: Sequence[Sequence[str]]
) -> None:
    """Refuse predictions that cannot be scored against their references.

    Args:
        predictions: n texts.
        references: n lists of one or more texts.

    Raises:
        DataError: the numbers of rows differ, or a row has no list of references.

    Example:
        >>> check_references(["a cat"], [["the cat", "a cat"]])
    """
    if len(predictions) != len(references):
        raise DataError(
            "There must be one list of references per prediction. Received: "
            f"{len(predictions)} predictions, {len(references)} lists. Check that both "
            "come from the same rows."
        )
    for number, row in enumerate(references):
        if isinstance(row, str) or not row:
            raise DataError(
                "The references of a row must be a list of one or more texts. "
                f"Received: {row!r} in row {number}. Write [text] for a single one; "
                "drop rows without any."
            )


def reference_count(references: Sequence[Sequence[str]]) -> int:
    """Return how many references the rows have, as sacrebleu's signatures count.

    Args:
        references: n lists of texts.

    Returns:
        The number that all rows have; -1 where they differ.

    Example:
        >>> reference_count([["a"], ["b"]]), reference_count([["a"], ["b", "c"]])
        (1, -1)
    """
    counts = {len(row) for row in references}
    return counts.pop() if len(counts) == 1 else -1
