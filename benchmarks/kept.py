"""What benchmarks keep: texts in files, the outcome of a paired test as numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nutgraf.files import write_json
from nutgraf.metrics.significance import PairedTest


def kept_texts(file: Path, write: Callable[[], list[str]]) -> list[str]:
    """Return the texts of a file, which are written when it is not there.

    Args:
        file: the JSON file.
        write: writes them; called only when it has to be.
    """
    if not file.exists():
        print(f"writing {file}", flush=True)
        write_json(file, write())
    return list(json.loads(file.read_text(encoding="utf-8")))


def rounded_test(test: PairedTest) -> dict[str, Any]:
    """Return the difference with its interval, and p."""
    ends = test.difference, test.low, test.high
    return {
        "difference": [round(value, 2) for value in ends],
        "p_value": round(test.p_value, 4),
    }
