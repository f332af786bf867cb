"""Peak memory of the data side of `nutgraf train` and `nutgraf rl`, by number of rows.

    python benchmarks/data_memory.py --data rows.jsonl.gz

`train`: the token cache is made, and all of it is read. `rl`: the rows are laid on disk
and read once, their lengths found and scheduled, and 500 batches of 8 prompts drawn.
No model is loaded, nor TensorFlow. A file with fewer rows than asked for is read again.

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
from collections.abc import Iterable, Iterator
from pathlib import Path

from nutgraf.data.cache import build_cache
from nutgraf.data.files import read_rows
from nutgraf.data.row_store import rows_on_disk
from nutgraf.data.rows import Row
from nutgraf.files import write_json
from nutgraf.models.codec import TextCodec
from nutgraf.rl.prompts import schedule_prompts
from nutgraf.text.tokenizer import Tokenizer

RESULTS = Path(__file__).resolve().parent / "results" / "data_memory.json"
CNN_DAILYMAIL = 287_113
MIB = 2**20
MAX_SOURCE, MAX_TARGET = 400, 100
PROMPTS, BATCHES = 8, 500


def peak() -> int:
    """Return the most bytes this process ever held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("The benchmark reads /proc/self/status of Linux.")


def cycled(data: Path, count: int) -> Iterator[Row]:
    """Read a file as often as it takes to have `count` rows.

    Args:
        data: file of rows.
        count: number of rows.

    Returns:
        The rows.
    """
    again = itertools.chain.from_iterable(read_rows(data) for _ in itertools.count())
    return itertools.islice(again, count)


def measure_train(rows: Iterable[Row], tokenizer: Tokenizer, folder: Path) -> int:
    """Make a token cache and read all of it.

    Args:
        rows: the rows.
        tokenizer: of the sources and targets.
        folder: gets the cache.

    Returns:
        The number of rows.
    """
    cache = build_cache(rows, tokenizer, folder, MAX_SOURCE, MAX_TARGET, "train")
    for index in range(len(cache)):
        cache.source(index).sum(), cache.target(index).sum()
    return len(cache)


def measure_rl(rows: Iterable[Row], tokenizer: Tokenizer, folder: Path) -> int:
    """Do what a run of RL does with its rows before and while it draws batches.

    Args:
        rows: the rows.
        tokenizer: of the sources and targets.
        folder: where the rows are laid.

    Returns:
        The number of rows.
    """
    codec = TextCodec(tokenizer, MAX_SOURCE, MAX_TARGET)
    with rows_on_disk(rows, folder) as store:
        sum(len(row.document) for row in store)  # a run names its rows by all of them
        schedule = schedule_prompts(store, codec, PROMPTS, (128, 256), 0)
        for update in range(BATCHES):
            plan = schedule.plan(update)
            codec.batch([store[index] for index in plan.rows], plan.source_length)
        return len(store)


MEASURES = {"train": measure_train, "rl": measure_rl}


def measured(kind: str, data: Path, folder: str, count: int) -> dict[str, float]:
    """Measure one size in a process of its own.

    Args:
        kind: "train" or "rl".
        data: file of rows.
        folder: holds the tokenizer.
        count: number of rows.

    Returns:
        Rows and peak MiB.
    """
    command = [sys.executable, __file__, "--data", str(data), "--rows", str(count)]
    command += ["--measure", kind, folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows, size = map(int, done.stdout.split())
    print(f"{kind:>5}  {rows:>8,} rows  {size / MIB:7.1f} MiB")
    return {"rows": rows, "peak_mib": size / MIB}


def whole(table: list[dict[str, float]]) -> float:
    """Return the MiB of the whole set, by the line through the two largest sizes.

    Args:
        table: sizes, rising.

    Returns:
        MiB; at least that of the largest size.
    """
    small, large = table[-2:]
    slope = (large["peak_mib"] - small["peak_mib"]) / (large["rows"] - small["rows"])
    return large["peak_mib"] + max(slope, 0.0) * (CNN_DAILYMAIL - large["rows"])


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 4_000, 15_000])
    parser.add_argument("--vocabulary", type=int, default=30_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        kind, folder = given.measure
        rows, tokenizer = cycled(given.data, given.rows[0]), Tokenizer.load(folder)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            print(MEASURES[kind](rows, tokenizer, Path(made)), peak())
        return
    result = {"data": given.data.name, "python": sys.version.split()[0]}
    with tempfile.TemporaryDirectory() as folder:
        texts = (row.document for row in cycled(given.data, 2_000))
        Tokenizer.train(texts, given.vocabulary).save(folder)
        for kind in MEASURES:
            counts = sorted(given.rows)
            table = [measured(kind, given.data, folder, count) for count in counts]
            result[kind] = {"sizes": table, "whole_mib": whole(table)}
            size = f"{result[kind]['whole_mib']:7.1f} MiB"
            print(f"{kind:>5}  {CNN_DAILYMAIL:>8,} rows  {size}, by the line")
    write_json(given.out, result)


if __name__ == "__main__":
    main()
