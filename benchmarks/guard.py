"""Does the guard fire at a reward that can be hacked, and stay silent at ours?

    python benchmarks/guard.py --out runs/guard --also runs/arms/rl-*/last

One run from the starter is paid for ROUGE-1 recall alone, which an added word can only
raise; its guard returns to the best safe weights. Three seeds of the demo's recipe and
of the one that is recommended to begin with, rloo, run for as many updates under a
guard that would stop them. All have the default limits. Models named by --also, such as
those of benchmarks/three_arms.py after all updates of the recipe, are looked at on the
same rows as if they stood at the end of a run. An interrupted call goes on where it
stopped. Writes benchmarks/results/guard.json.
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

from kept import PHASES

from nutgraf.files import write_json
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.demo import DEMO
from nutgraf.recipes.guarding import make_watch
from nutgraf.recipes.improve import improve, make_reward
from nutgraf.recipes.settings import ImproveSettings, RewardSettings
from nutgraf.rl.guard import Guard, GuardSettings, judged
from nutgraf.testing.toys import weights_of
from nutgraf.training.log import read_metrics

RESULTS = Path(__file__).parent / "results" / "guard.json"
RECALL = RewardSettings(parts=("rouge1(measure=recall)=1",))
ALGORITHMS = ("grpo", "rloo")


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
            out=str(out / f"{algorithm}-{seed}"),
            algorithm=algorithm,
            rl=replace(DEMO.rl, updates=updates, seed=seed),
            guard=GuardSettings(on="stop"),
        )
        for algorithm in ALGORITHMS
        for seed in seeds
    ]
    return [hacked, *ours]


def finished(run: ImproveSettings) -> bool:
    """Return whether a run has come to its end; its rows may have changed since."""
    card = Path(run.out) / "run.json"
    return card.is_file() and "guard" in json.loads(card.read_text(encoding="utf-8"))


def cost(records: Sequence[dict[str, Any]], every: int) -> float:
    """Return the guard's share of an update's time; the first two looks compile."""
    looks = [one["time/guard"] for one in records if "time/guard" in one][2:]
    updates = [sum(one[name] for name in PHASES) for one in records]
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
        "broken_looks": sum(
            bool(Guard(run.guard).broken(looks[0], look)) for look in looks
        ),
        "share_of_time": round(cost(records, run.guard.every), 4),
        "looks": [{k: round(v, 4) for k, v in look.items()} for look in looks],
    }


def standing(models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the numbers of models at rest, and what a guard would say of them."""
    run = replace(DEMO, guard=GuardSettings())
    policy = load_policy(run.start)
    watch = make_watch(run, policy, [], make_reward(run.reward))
    start, found = judged(watch.numbers(weights_of(policy))), {}
    for model in models:
        numbers = judged(watch.numbers(weights_of(load_policy(model))))
        watch.memory = {}
        watch.judge(0, start)
        for update in range(1, 11):  # until the running averages have arrived
            verdict = watch.judge(update, numbers)
        found[model] = {"reasons": [reason.words for reason in verdict.reasons]}
        found[model] |= {name: round(value, 4) for name, value in numbers.items()}
        print(model, found[model], flush=True)
    return found


def show(name: str, found: dict[str, Any]) -> None:
    """Print the looks of a run and its warnings."""
    print(
        f"\n{name}: {found['updates']} updates; a number beyond its limit in "
        f"{found['broken_looks']} of {len(found['looks'])} looks; the guard takes "
        f"{found['share_of_time']:.1%} of the time"
    )
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
    parser.add_argument("--also", nargs="*", default=[], help="model folders")
    options = parser.parse_args()
    runs = settings_of(options.out, options.seeds, options.updates)
    found = {}
    for run in runs:
        if not finished(run):
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
            "standing": standing(options.also) if options.also else {},
        },
    )


if __name__ == "__main__":
    main()
