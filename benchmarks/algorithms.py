"""All algorithms on real text, from the same start, with equal numbers of samples.

    python benchmarks/algorithms.py --out runs/algorithms

Each algorithm takes the demo's start, rows, reward, learning rate and number of prompts
and samples, and its own defaults otherwise; so nothing is tuned for one of them. The
controls are a random reward (under GRPO) and supervised training continued. Scored on
every third held-out test row, greedy. Rows are paired with the start's, each row's
score being its mean over the seeds. The eight main algorithms and the controls have the
given seeds, the others the first one only. Each run is a process of its own and leaves
its texts; an interrupted call goes on where it stopped, and the results so far are
written after each run: benchmarks/results/algorithms.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.data.sources import load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.files import write_json
from nutgraf.metrics.names import METRICS
from nutgraf.metrics.significance import paired_test
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.demo import DEMO
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.training.log import read_metrics

RESULTS = Path(__file__).parent / "results" / "algorithms.json"
CONTROLS = ("random", "supervised")
MAIN = ("grpo", "rloo", "self-critical", "reinforce", "ppo", "a2c", "minimum-risk")
MAIN += ("dpo",)
OTHERS = ("dr-grpo", "dapo", "gspo", "cispo", "nlpo", "ipo", "rejection")
UPDATES = 100
TIMES = ("time/sample", "time/reward", "time/update")


def test_rows() -> list[Row]:
    """Return every third test row."""
    return list(load_split(DEMO.data, "test"))[::3]


def settings_of(name: str, seed: int, out: Path) -> ImproveSettings:
    """Return the demo's settings with another algorithm, or a control's."""
    run = replace(
        DEMO,
        out=str(out / f"{name}-{seed}"),
        rl=replace(DEMO.rl, seed=seed, updates=UPDATES),
    )
    if name == "random":
        return replace(run, reward=replace(run.reward, parts=("random",)))
    return replace(run, algorithm=name)


def write_texts(model: str, rows: Sequence[Row], file: Path) -> list[str]:
    """Return a model's greedy text for each row, from the file when it is there."""
    if not file.exists():
        write_json(file, Generator(load_policy(model), rows=128)(rows))
    return list(json.loads(file.read_text(encoding="utf-8")))


def train(name: str, seed: int, out: Path) -> None:
    """Run one algorithm with one seed, and write its texts."""
    run = settings_of(name, seed, out)
    improve(run, print)
    write_texts(f"{run.out}/last", test_rows(), Path(run.out) / "test.json")


def numbers_of(name: str, seed: int, out: Path) -> dict[str, float]:
    """Return what the run's log says."""
    records = read_metrics(Path(settings_of(name, seed, out).out))
    late = records[-10:]
    return {
        "kl": float(np.mean([r.get("policy/kl_to_start", np.nan) for r in late])),
        "seconds": float(
            np.median([sum(r.get(time, 0.0) for time in TIMES) for r in records])
        ),
    }


def result_of(
    name: str, seeds: Sequence[int], start: Evaluation, rows: Sequence[Row], out: Path
) -> dict[str, Any]:
    """Return scores over seeds, and the paired test against the start."""
    files = [Path(settings_of(name, seed, out).out) / "test.json" for seed in seeds]
    texts = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    found = [score_texts(rows, each) for each in texts]
    mean = np.mean([one.values("rouge_mean") for one in found], axis=0)
    test = paired_test(mean, start.values("rouge_mean"))
    logs = [numbers_of(name, seed, out) for seed in seeds]
    return {
        "seeds": list(seeds),
        "scores": {
            metric: float(np.mean([one.means()[metric] for one in found]))
            for metric in METRICS
        },
        "per_seed": [one.means()["rouge_mean"] for one in found],
        "gain": {key: float(value) for key, value in test._asdict().items()},
        **{key: float(np.mean([log[key] for log in logs])) for key in logs[0]},
    }


def summary(plan: Sequence[tuple[str, int]], out: Path) -> dict[str, Any]:
    """Return the results of the runs that are done."""
    rows = test_rows()
    texts = write_texts(DEMO.start, rows, out / "start.json")
    start = score_texts(rows, texts)
    done: dict[str, list[int]] = {}
    for name, seed in plan:
        if (Path(settings_of(name, seed, out).out) / "test.json").exists():
            done.setdefault(name, []).append(seed)
    return {
        "n": len(rows),
        "updates": UPDATES,
        "prompts": DEMO.rl.prompts,
        "samples": DEMO.rl.samples,
        "machine": platform.processor() or platform.machine(),
        "start": start.means(),
        "runs": {
            name: result_of(name, seeds, start, rows, out)
            for name, seeds in done.items()
        },
    }


def show(found: dict[str, Any]) -> None:
    """Print the table of docs/algorithms/README.md."""
    columns = ("rouge1", "rouge2", "rougeL", "rouge_mean", "length_ratio", "repetition")
    print("| algorithm | seeds | " + " | ".join(columns), end="")
    print(" | gain over start | KL | seconds |")
    print("| --- " * (len(columns) + 5) + "|")
    cells = " | ".join(f"{found['start'][column]:.2f}" for column in columns)
    print(f"| start | | {cells} | | | |")
    runs = found["runs"].items()
    for name, run in sorted(runs, key=lambda item: -item[1]["scores"]["rouge_mean"]):
        cells = " | ".join(f"{run['scores'][column]:.2f}" for column in columns)
        gain = run["gain"]
        test = f"{gain['difference']:+.2f} [{gain['low']:+.2f}, {gain['high']:+.2f}]"
        print(
            f"| {name} | {len(run['seeds'])} | {cells} | {test}, p = "
            f"{gain['p_value']:.4f} | {run['kl']:.3f} | {run['seconds']:.2f} |"
        )


def main() -> None:
    """Train what is missing, then score and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/algorithms"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--run", nargs=2, metavar=("NAME", "SEED"))
    parser.add_argument("--show", action="store_true", help="train nothing")
    options = parser.parse_args()
    if options.run:
        train(options.run[0], int(options.run[1]), options.out)
        return
    first, *others = options.seeds
    plan = [(name, first) for name in (*CONTROLS, *MAIN, *OTHERS)]
    plan += [(name, seed) for seed in others for name in (*MAIN, *CONTROLS)]
    for name, seed in plan:
        done = Path(settings_of(name, seed, options.out).out) / "test.json"
        if options.show or done.exists():
            continue
        print(f"{name}, seed {seed}", flush=True)
        command = [sys.executable, __file__, "--out", str(options.out)]
        subprocess.run([*command, "--run", name, str(seed)], check=True)
        write_json(RESULTS, summary(plan, options.out))
    found = summary(plan, options.out)
    write_json(RESULTS, found)
    show(found)


if __name__ == "__main__":
    main()
