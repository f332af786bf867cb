"""What an update of each algorithm costs: seconds and tokens.

    python benchmarks/costs.py --out runs/costs

The settings of algorithms.py, 14 updates of each algorithm and both controls, one after
the other in processes of their own. Seconds are the median over the updates but for the
first four, which compile; tokens are those of the sampled texts (or references) that an
update learns from, a mean over the same updates. Writes
benchmarks/results/algorithm_costs.json.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from algorithms import CONTROLS, MAIN, OTHERS, settings_of
from kept import PHASES

from nutgraf import backend
from nutgraf.files import write_json
from nutgraf.recipes.improve import improve
from nutgraf.training.log import read_metrics

RESULTS = Path(__file__).parent / "results" / "algorithm_costs.json"
UPDATES, FIRST = 14, 4


def train(name: str, out: Path) -> None:
    """Run the updates of one algorithm, without a look at validation rows."""
    run = settings_of(name, 0, out)
    run = replace(run, rl=replace(run.rl, updates=UPDATES))
    improve(replace(run, guard=replace(run.guard, every=UPDATES + 1)), print)


def cost_of(run: Path) -> dict[str, Any]:
    """Return what an update took and read, of a finished run."""
    records = read_metrics(run)[FIRST:]
    phases = [[one.get(name, 0.0) for name in PHASES] for one in records]
    tokens = [
        one["time/tokens_per_second"] * sum(times)
        for one, times in zip(records, phases, strict=True)
    ]
    cost = {"seconds": statistics.median(map(sum, phases))}
    for place, name in enumerate(PHASES):
        cost[name] = statistics.median(times[place] for times in phases)
    cost = {name: round(seconds, 3) for name, seconds in cost.items()}
    return {**cost, "tokens": round(statistics.mean(tokens))}


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/costs"))
    parser.add_argument("--run", metavar="NAME")
    given = parser.parse_args()
    if given.run:
        train(given.run, given.out)
        return
    found: dict[str, Any] = {}
    for name in (*MAIN, *OTHERS, *CONTROLS):
        command = [sys.executable, __file__, "--out", str(given.out), "--run", name]
        subprocess.run(command, check=True)
        found[name] = cost_of(given.out / f"{name}-0")
        print(name, found[name], flush=True)
    facts = {"updates": UPDATES, "machine": backend.describe(), "algorithms": found}
    write_json(RESULTS, facts)


if __name__ == "__main__":
    main()
