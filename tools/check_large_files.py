"""Refuse files above 250 KB: they stay in every clone for ever.

python tools/check_large_files.py FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 250 * 1024


def too_large(names: list[str]) -> list[str]:
    """Return a message for each file above the limit.

    Args:
        names: paths of files; those that do not exist are passed over.

    Returns:
        One message per large file.
    """
    sizes = {n: Path(n).stat().st_size for n in names if Path(n).is_file()}
    return [
        f"{name}: files of at most {LIMIT // 1024} KB are allowed. Received: "
        f"{size // 1024} KB. Generate it, or make it smaller."
        for name, size in sizes.items()
        if size > LIMIT
    ]


if __name__ == "__main__":
    problems = too_large(sys.argv[1:])
    print("\n".join(problems), end="\n" if problems else "")
    sys.exit(bool(problems))
