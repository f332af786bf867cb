"""Peak memory while the token cache is made and read, by number of rows.

    python benchmarks/data_memory.py --data rows.jsonl.gz

Each size is measured in a fresh process, as the most it ever held (VmHWM of Linux:
`ru_maxrss` would count what the parent process held before). Everything is counted:
the interpreter, numpy, the tokenizer, and the pages of the cache file that were read,
which the system takes back when it needs them. The line through the two largest sizes
tells what the 287,113 training rows of CNN/DailyMail would take.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nutgraf.data.cache import build_cache
from nutgraf.data.files import read_rows
from nutgraf.files import write_json
from nutgraf.text.tokenizer import Tokenizer

RESULTS = Path(__file__).resolve().parent / "results" / "data_memory.json"
CNN_DAILYMAIL = 287_113
MIB = 2**20


def peak() -> int:
    """Return the most bytes this process ever held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("The benchmark reads /proc/self/status of Linux.")


def measure(data: Path, folder: Path, count: int) -> None:
    """Make a cache of `count` rows, read all of it, print rows and peak bytes.

    Args:
        data: file of rows.
        folder: holds the tokenizer; gets the cache.
        count: number of rows.
    """
    rows = itertools.islice(read_rows(data), count)
    tokenizer = Tokenizer.load(folder)
    cache = build_cache(rows, tokenizer, folder, 400, 100, str(count))
    for index in range(len(cache)):
        cache.source(index).sum(), cache.target(index).sum()
    print(len(cache), peak())


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 4_000, 15_000])
    parser.add_argument("--vocabulary", type=int, default=30_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        return measure(given.data, given.measure, given.rows[0])
    table = []
    with tempfile.TemporaryDirectory() as folder:
        texts = (row.document for row in itertools.islice(read_rows(given.data), 2_000))
        Tokenizer.train(texts, given.vocabulary).save(folder)
        for count in sorted(given.rows):
            command = [sys.executable, __file__, "--data", str(given.data)]
            command += ["--measure", folder, "--rows", str(count)]
            start = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows, size = map(int, done.stdout.split())
            seconds = time.perf_counter() - start
            table.append({"rows": rows, "peak_mib": size / MIB, "seconds": seconds})
            print(f"{rows:>8,} rows  {size / MIB:7.1f} MiB  {seconds:6.1f} s")
    small, large = table[-2:]
    slope = (large["peak_mib"] - small["peak_mib"]) / (large["rows"] - small["rows"])
    whole = large["peak_mib"] + max(slope, 0.0) * (CNN_DAILYMAIL - large["rows"])
    print(f"{CNN_DAILYMAIL:>8,} rows  {whole:7.1f} MiB, if it went on in a line")
    result = {"data": given.data.name, "sizes": table, "whole_mib": whole}
    write_json(given.out, {**result, "python": sys.version.split()[0]})


if __name__ == "__main__":
    main()
