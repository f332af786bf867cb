"""Does the guard fire at a reward that can be hacked, and stay silent at ours?

    python benchmarks/guard.py --out runs/guard

One run from the starter is paid for ROUGE-1 recall alone, which an added word can only
raise; its guard returns to the best safe weights. Three seeds of the recommended
recipe, the demo's, run for as many updates under a guard that would stop them. All have
the default limits. An interrupted call goes on where it stopped. Writes
benchmarks/results/guard.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nutgraf.files import write_json
from nutgraf.recipes.demo import DEMO
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import ImproveSettings, RewardSettings
from nutgraf.rl.guard import GuardSettings, judged
from nutgraf.training.log import read_metrics

RESULTS = Path(__file__).parent / "results" / "guard.json"
RECALL = RewardSettings(parts=("rouge1(measure=recall)=1",))
TIMES = ("time/sample", "time/reward", "time/update")


def settings_of(out: Path, seeds: Sequence[int], updates: int) -> list[ImproveSettings]:
    """Return the settings of all runs."""
    hacked = replace(
        DEMO,
        out=str(out / "recall"),
        reward=RECALL,
        rl=replace(DEMO.rl, updates=updates),
        guard=GuardSettings(on="return"),
    )
    ours = [
        replace(
            DEMO,
            out=str(out / f"recommended-{seed}"),
            rl=replace(DEMO.rl, updates=updates, seed=seed),
            guard=GuardSettings(on="stop"),
        )
        for seed in seeds
    ]
    return [hacked, *ours]


def cost(records: Sequence[dict[str, Any]], every: int) -> float:
    """Return the guard's share of an update's time; the first two looks compile."""
    looks = [one["time/guard"] for one in records if "time/guard" in one][2:]
    updates = [sum(one[name] for name in TIMES) for one in records]
    return statistics.median(looks) / every / statistics.median(updates)


def result_of(run: ImproveSettings) -> dict[str, Any]:
    """Return what the guard saw in a run, and what it said."""
    records = read_metrics(Path(run.out))
    card = json.loads((Path(run.out) / "run.json").read_text(encoding="utf-8"))
    looks = [
        {"update": 0 if one["step"] == 1 else one["step"], **judged(one)}
        for one in records
        if judged(one)
    ]
    return {
        "reward": list(run.reward.parts),
        "seed": run.rl.seed,
        "updates": len(records),
        **card["guard"],
        "share_of_time": round(cost(records, run.guard.every), 4),
        "looks": [{k: round(v, 4) for k, v in look.items()} for look in looks],
    }


def show(name: str, found: dict[str, Any]) -> None:
    """Print the looks of a run and its warnings."""
    print(f"\n{name}: {found['updates']} updates, guard {found['share_of_time']:.1%}")
    columns = list(found["looks"][0])
    print("| " + " | ".join(columns) + " |")
    print("| --- " * len(columns) + "|")
    for look in found["looks"]:
        print("| " + " | ".join(f"{look.get(c, 0):.4g}" for c in columns) + " |")
    for warning in found["warnings"]:
        print(f"warned at update {warning['update']}: {warning['words']}")
    if found["ended"]:
        print(f"ended at {found['ended']}, weights of {found['weights_of']}")


def main() -> None:
    """Run all, print what the guards saw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/guard"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--updates", type=int, default=100)
    options = parser.parse_args()
    runs = settings_of(options.out, options.seeds, options.updates)
    found = {}
    for run in runs:
        improve(run, print)
        name = Path(run.out).name
        found[name] = result_of(run)
        show(name, found[name])
    write_json(
        RESULTS,
        {
            "updates": options.updates,
            "machine": platform.processor() or platform.machine(),
            "runs": found,
        },
    )


if __name__ == "__main__":
    main()
