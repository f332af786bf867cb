"""Keep this environment's docstrings in files, for a machine with other packages.

    python benchmarks/docstrings.py runs/docstrings

Writes train.jsonl, valid.jsonl and test.jsonl. The benchmarks that take
`--docstrings FOLDER` then read the same rows anywhere.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nutgraf.data.sources import DataSettings, load_split
from nutgraf.files import write_text

SPLITS = ("train", "valid", "test")


def docstrings(folder: Path | None) -> DataSettings:
    """Return the docstrings of a folder of kept files, or of this environment."""
    if folder is None:
        return DataSettings()
    files = {split: str(folder / f"{split}.jsonl") for split in SPLITS}
    return DataSettings("files", **files)


def main() -> None:
    """Write the rows of each split."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    for split in SPLITS:
        rows = list(load_split(DataSettings(), split))
        lines = (
            json.dumps({"id": r.id, "document": r.document, "summary": r.references[0]})
            for r in rows
        )
        path = given.out / f"{split}.jsonl"
        write_text(path, "\n".join(lines) + "\n")
        print(f"{path}: {len(rows):,} rows")


if __name__ == "__main__":
    main()
