"""Preference pairs from a file of pairs, or from one of texts that people scored."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from nutgraf.data.judged import read_judged
from nutgraf.data.pairs import Pair, pairs_from_scores, read_pairs
from nutgraf.data.records import open_binary
from nutgraf.errors import ConfigError, DataError

__all__ = ["load_pairs"]


def _has_scores(path: Path) -> bool:
    """Whether the first record has texts of systems; False for what cannot be read."""
    with contextlib.suppress(OSError, EOFError, ValueError, zlib.error):
        with open_binary(path) as stream:
            first = next((line for line in stream if line.strip()), b"[]")
        return "systems" in json.loads(first.removeprefix(b"\xef\xbb\xbf"))
    return False


def load_pairs(
    path: str | Path,
    human: Sequence[str] = (),
    bad_rows: str = "fail",
    report: Callable[[str], None] | None = None,
) -> list[Pair]:
    """Read preference pairs from either kind of file.

    Args:
        path: jsonl file, gzipped or not: pairs, see `read_pairs`, or articles with
            scored texts, see `read_judged`, whose first record has `systems`.
        human: dimensions of the scores that decide; none means all. For scored texts.
        bad_rows: "fail" or "skip".
        report: called with what was left out; None warns.

    Returns:
        At least one pair, in the order of the file.

    Raises:
        DataError: the file is missing or damaged, a line is bad, or no pair is left.
        ConfigError: a dimension is unknown, or `human` is given for a file of pairs.
    """
    if not _has_scores(Path(path)):
        if human:
            raise ConfigError(
                "human must be left out for a file of pairs, which has no scores. "
                f"Received: human={', '.join(human)} for {path}. Leave it "
                "out."
            )
        return read_pairs(path, bad_rows, report)
    rows = read_judged(path, bad_rows=bad_rows, report=report)
    pairs = pairs_from_scores(rows, human)
    if not pairs:
        raise DataError(
            "Two texts for an article must differ in their scores. Received: "
            f"{path}, where all are tied. Give another file or other dimensions."
        )
    return pairs
