"""Measure nutgraf beside its peers, in turns on one machine.

    make bench                  # everything; writes results/ and docs/performance.md
    make bench QUICK=1          # a few pairs, three rounds; writes nothing of these
    python benchmarks/speed.py --only sampling,search --rounds 5

Which pairs there are: pairs.py. A peer's settings are chosen by a probe of its whole
grid, which is kept in the result file. Each round takes both sides, so ratios are of
one run; the median of the rounds counts. Numbers of quick runs go to runs/bench/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import batches
import extras
from duel import Side, probe, take_turns
from pairs import GRIDS, PAIRS, PROBES, Pair
from workload import SHAPES

from nutgraf.files import write_json

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
QUICK = ROOT / "runs" / "bench"
THREADS = 2
OURS = ("ours", "parts")
"""Modules that import nutgraf."""
KEPT_ALIVE = 2
"""Peers whose processes are kept for the next pair, besides ours."""
TINY = {"prompts": 2, "length": 8, "source": 24}
PLANS = {
    "by_length": batches.by_length,
    "at_random": lambda: batches.at_random(3),
    "fixed": batches.fixed,
}


class Bench:
    """Processes and choices of one run.

    Args:
        peers: interpreter of the peers.
        rounds: of each pair.
        quick: use the settings of the committed results, probe nothing.
        verbose: show what the processes print.
        tiny: shrink every task, to try this program.
    """

    def __init__(
        self, peers: str, rounds: int, quick: bool, verbose: bool, tiny: bool = False
    ) -> None:
        self.pythons = {"ours": sys.executable, "peers": peers}
        self.rounds, self.quick, self.verbose = rounds, quick, verbose
        self.tiny = tiny
        self.probes: dict[str, list[dict]] = {}
        self._alive: dict[str, Side] = {}
        self._started: list[Side] = []

    def start(self, module: str, settings: dict) -> Side:
        """Start a process that nobody else uses; whoever asked closes it."""
        python = self.pythons["ours" if module in OURS else "peers"]
        made = Side(module, python, {"threads": THREADS, **settings}, self.verbose)
        self._started.append(made)
        return made

    def prepared(self, task: dict) -> dict:
        """Put the plan that a task names into it; shrink it when all is tiny."""
        if "batches" not in task:
            return task | TINY if self.tiny else task
        plan = PLANS[task["batches"]]()
        if self.tiny:
            plan = [batch | {"rows": batch["rows"][:2]} for batch in plan[:2]]
        return {**task, "batches": plan}

    def side(self, module: str, settings: dict) -> Side:
        """Return the process of a module with these settings; old ones are closed."""
        key = json.dumps([module, settings])
        made = self._alive.pop(key, None) or self.start(module, settings)
        self._alive[key] = made  # the newest last
        others = [name for name in self._alive if not name.startswith('["ours"')]
        for old in others[:-KEPT_ALIVE]:
            self._alive.pop(old).close()
        return made

    def close(self) -> None:
        """End all processes."""
        for side in self._started:
            side.close()

    def settings(self, name: str, only: dict) -> dict:
        """Return a peer's fastest settings.

        Args:
            name: of the probe.
            only: settings that it must have.
        """
        if name not in self.probes:
            self.probes[name] = self._committed(name) if self.quick else []
            self.probes[name] = self.probes[name] or self._probed(name)
        fits = [
            one
            for one in self.probes[name]
            if all(one["settings"][key] == value for key, value in only.items())
        ]
        return min(fits, key=lambda one: one["seconds"])["settings"]

    def _probed(self, name: str) -> list[dict]:
        module, task = PROBES[name]
        found = []
        for settings in GRIDS[module]:
            side = self.start(module, settings)
            seconds = round(probe(side, self.prepared(task)), 4)
            side.close()
            found.append({"settings": settings, "seconds": seconds})
            print(f"  probe {name}: {settings} {seconds:.3f} s", flush=True)
        return found

    def _committed(self, name: str) -> list[dict]:
        for path in sorted(RESULTS.glob("speed_*.json")):
            found = json.loads(path.read_text("utf-8")).get("probes", {})
            if name in found:
                return found[name]
        return []

    def measure(self, pair: Pair) -> dict[str, Any]:
        """Let both sides of a pair take turns."""
        module = PROBES[pair.probe][0]
        settings = self.settings(pair.probe, pair.only)
        turns = [
            (self.side("ours", {}), self.prepared(pair.task)),
            (self.side(module, settings), self.prepared(pair.task | pair.changes)),
        ]
        return {
            **pair._asdict(),
            "shape": SHAPES[pair.task["shape"]],
            "settings": settings,
            **take_turns(turns, self.rounds),
        }

    def row(self, pair: Pair, found: dict) -> dict[str, Any]:
        """Return a pair's line of the table."""
        return {
            "name": pair.name,
            "what": pair.what,
            "against": pair.against,
            "target": pair.target,
            "stretch": pair.stretch,
            "measured": found["ratio"],
            "best": "high",
            "range": [min(found["ratio_of_rounds"]), max(found["ratio_of_rounds"])],
            "ours": found["ours"]["speed"],
            "peer": found["peer"]["speed"],
        }


def machine() -> dict[str, Any]:
    """Describe the machine and how busy it is."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }


def versions(pythons: dict[str, str]) -> dict[str, Any]:
    """Return the versions of the packages that compute, for each interpreter."""
    code = (
        "import importlib.metadata as m, json, sys; "
        "have = {d.name.lower().replace('_', '-'): d.version "
        "for d in m.distributions()}; "
        "names = ('tensorflow-cpu', 'tensorflow', 'keras', 'jax', 'numpy', 'torch', "
        "'transformers', 'trl', 'ctranslate2', 'rouge-score'); "
        "found = {n: have[n] for n in names if n in have}; "
        "print(json.dumps({'python': sys.version.split()[0], **found}))"
    )
    return {
        name: json.loads(subprocess.check_output([python, "-c", code], text=True))
        for name, python in pythons.items()
    }


def duels(group: str) -> Callable[[Bench], dict[str, Any]]:
    """Return the measurement of all pairs of a group."""

    def run(bench: Bench) -> dict[str, Any]:
        rows, found = [], {}
        for pair in PAIRS:
            if pair.group != group or (bench.quick and not pair.quick):
                continue
            start = time.monotonic()
            found[pair.name] = bench.measure(pair)
            rows.append(bench.row(pair, found[pair.name]))
            taken = time.monotonic() - start
            goal = "" if pair.target is None else f" (target {pair.target})"
            told = f"{found[pair.name]['ratio']:.2f}{goal}, took {taken:.0f} s"
            print(f"{pair.name}: {told}", flush=True)
        more = extras.derived(group, bench, found)
        rows += more.pop("rows")
        used = {PROBES_OF[name] for name in found}
        probes = {name: bench.probes[name] for name in sorted(used)}
        return {"rows": rows, "pairs": found, "probes": probes, **more}

    return run


PROBES_OF = {pair.name: pair.probe for pair in PAIRS}
GROUPS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    **{group: duels(group) for group in dict.fromkeys(pair.group for pair in PAIRS)},
    "memory": extras.memory,
    "compile": extras.compile_times,
    "growth": extras.growth,
    "profile": extras.profile,
}


def run(groups: list[str], bench: Bench, folder: Path) -> None:
    """Measure groups and write a result file for each.

    Args:
        groups: keys of `GROUPS`.
        bench: the run.
        folder: where speed_GROUP.json goes.
    """
    facts = {"versions": versions(bench.pythons), "threads": THREADS}
    facts["date"] = time.strftime("%Y-%m-%d")
    facts["backend"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    for group in groups:
        before = machine()
        found = GROUPS[group](bench)
        if not found["rows"] and bench.quick:
            continue
        before["load_after"] = round(os.getloadavg()[0], 2)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(
            folder / f"speed_{group}.json", {"machine": before, **facts, **found}
        )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers", help="interpreter of the peers", required=True)
    parser.add_argument("--only", help="groups, by commas: " + ", ".join(GROUPS))
    parser.add_argument("--rounds", type=int, default=0, help="5, quick 3")
    parser.add_argument("--quick", action="store_true", help="few pairs, few rounds")
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--verbose", action="store_true", help="show all output")
    args = parser.parse_args()
    groups = args.only.split(",") if args.only else list(GROUPS)
    unknown = sorted(set(groups) - set(GROUPS))
    if unknown:
        known = ", ".join(GROUPS)
        parser.error(f"--only takes {known}. Received: {unknown[0]}. Choose of these.")
    rounds = args.rounds or (3 if args.quick else 5)
    folder = args.out or (QUICK if args.quick else RESULTS)
    start = time.monotonic()
    peers = str(Path(args.peers).absolute())
    bench = Bench(peers, rounds, args.quick, args.verbose, args.tiny)
    try:
        run(groups, bench, folder)
    finally:
        bench.close()
    print(f"{(time.monotonic() - start) / 60:.1f} minutes; results in {folder}")


if __name__ == "__main__":
    main()
