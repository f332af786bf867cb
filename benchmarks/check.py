"""Compare the ratios of a quick run with the committed ones; exit with 1 if worse.

    make bench-check

A ratio is worse when it lost more than the tolerance, 25 % by default: on a shared
machine, three rounds differ by 10 to 20 % from run to run.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "benchmarks" / "results"
MEASURED = ROOT / "runs" / "bench"
TOLERANCE = 0.25


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of all result files of a folder, by name."""
    rows = {}
    for path in sorted(folder.glob("speed_*.json")):
        for row in json.loads(path.read_text("utf-8"))["rows"]:
            rows[row["name"]] = row
    return rows


def kept(new: dict[str, Any], old: dict[str, Any]) -> float:
    """Return how much of a ratio is left, 1 when nothing changed.

    Args:
        new: a row measured now.
        old: the committed one.

    Returns:
        new / old where high numbers are good, old / new where low ones are.
    """
    if new["best"] == "low":
        new, old = old, new
    return new["measured"] / old["measured"] if old["measured"] else 1.0


def worse(
    new: dict[str, dict[str, Any]], old: dict[str, dict[str, Any]], tolerance: float
) -> list[str]:
    """Return the names of the rows that lost more than is tolerated.

    Args:
        new: rows measured now, by name; those that are not committed do not count.
        old: the committed rows.
        tolerance: share of a ratio that may be lost, in [0, 1).

    Returns:
        The names.
    """
    both = [name for name in new if name in old]
    return [name for name in both if kept(new[name], old[name]) < 1 - tolerance]


def main() -> int:
    """Print a table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measured", type=Path, default=MEASURED)
    parser.add_argument("--committed", type=Path, default=COMMITTED)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE)
    args = parser.parse_args()
    new, old = rows_of(args.measured), rows_of(args.committed)
    if not new.keys() & old.keys():
        print(
            "Both folders must hold speed_*.json with a row of the same name. "
            f"Received: {len(new)} rows in {args.measured}, {len(old)} in "
            f"{args.committed}. Run `make bench` first."
        )
        return 2
    lost = worse(new, old, args.tolerance)
    for name in new.keys() & old.keys():
        mark = "WORSE" if name in lost else "ok"
        pair = f"{old[name]['measured']:.3g} -> {new[name]['measured']:.3g}"
        print(f"{name:24} {pair:18} {mark}")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
