"""Does the reward teach, or would any training have done? Three arms, three seeds.

    python benchmarks/three_arms.py --out runs/arms --seeds 0 1 2

For each seed, from the same start and for the same number of updates: RL; RL with a
random reward; supervised training continued on as many references as RL takes samples.
Each arm is scored on the held-out test rows, with greedy decoding and with beam 4. Rows
are paired between arms, each row's score being its mean over the seeds. An interrupted
call goes on where it stopped. Writes benchmarks/results/three_arms.json.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.data.sources import load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation, best_lead, score_texts
from nutgraf.files import write_json
from nutgraf.metrics.significance import paired_test
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.demo import DEMO
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.training.log import read_metrics

RESULTS = Path(__file__).parent / "results" / "three_arms.json"
ARMS = ("rl", "random reward", "continued supervised")
BEAMS = (1, 4)
LENGTH_PENALTY = 2.0
"""Of beam search; with 1 the texts were too short on validation rows."""


def settings_of(arm: str, seed: int, out: Path, updates: int) -> ImproveSettings:
    """Return the demo's settings, changed into an arm."""
    run = replace(
        DEMO,
        out=str(out / f"{arm.replace(' ', '-')}-{seed}"),
        rl=replace(DEMO.rl, seed=seed, updates=updates),
    )
    if arm == "random reward":
        return replace(run, reward=replace(run.reward, parts=("random",)))
    if arm == "continued supervised":
        return replace(run, algorithm="supervised")
    return run


def write_texts(model: str, rows: Sequence[Row], beams: int, file: Path) -> list[str]:
    """Return a model's text for each row, from the file when it is there."""
    if not file.exists():
        print(f"writing {file}", flush=True)
        generator = Generator(
            load_policy(model), beams, 128 // beams, length_penalty=LENGTH_PENALTY
        )
        texts = generator(rows)
        write_json(file, texts)
    return list(json.loads(file.read_text(encoding="utf-8")))


def mean_rows(evaluations: Sequence[Evaluation], metric: str) -> np.ndarray:
    """Return each row's score, averaged over seeds."""
    return np.mean([evaluation.values(metric) for evaluation in evaluations], axis=0)


def compared(a: Sequence[Evaluation], b: Sequence[Evaluation]) -> dict[str, float]:
    """Return the paired test of two arms on mean ROUGE."""
    test = paired_test(mean_rows(a, "rouge_mean"), mean_rows(b, "rouge_mean"))
    return {name: float(value) for name, value in test._asdict().items()}


def summary(systems: dict[str, list[Evaluation]]) -> dict[str, object]:
    """Return scores of each system, per seed and on average, and the tests."""
    start, gains = systems["start"], {}
    for arm in ARMS:
        gains[f"{arm} - start"] = compared(systems[arm], start)
    for arm in ARMS[1:]:
        gains[f"rl - {arm}"] = compared(systems["rl"], systems[arm])
    scores = {
        name: {
            "mean": {
                metric: float(np.mean([e.means()[metric] for e in found]))
                for metric in found[0].metrics
            },
            "seeds": [e.means() for e in found],
        }
        for name, found in systems.items()
    }
    return {"scores": scores, "tests": gains}


def show(beams: int, found: dict[str, object]) -> None:
    """Print a decoding's scores and tests."""
    columns = ("rouge1", "rouge2", "rougeL", "rouge_mean", "length_ratio")
    columns += ("repetition", "novel_bigrams", "copied_share")
    print(f"\nbeam {beams}" if beams > 1 else "\ngreedy")
    print("| system | " + " | ".join(columns) + " |")
    print("| --- " * (len(columns) + 1) + "|")
    for name, scores in found["scores"].items():
        cells = [f"{scores['mean'][column]:.2f}" for column in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for name, test in found["tests"].items():
        print(
            f"{name}: {test['difference']:+.2f} [{test['low']:+.2f}, "
            f"{test['high']:+.2f}], p = {test['p_value']:.4f}"
        )


def main() -> None:
    """Train the arms, score them, compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/arms"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--updates", type=int, default=DEMO.rl.updates)
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    options = parser.parse_args()
    rows = list(load_split(DEMO.data, options.split))
    runs = [
        settings_of(arm, seed, options.out, options.updates)
        for seed in options.seeds
        for arm in ARMS
    ]
    for run in runs:
        print(run.out, flush=True)
        improve(run, print)
    found = {}
    for beams in BEAMS:
        systems: dict[str, list[Evaluation]] = {name: [] for name in ("start", *ARMS)}
        file = options.out / f"start-{options.split}-{beams}.json"
        texts = write_texts(DEMO.start, rows, beams, file)
        systems["start"] = [score_texts(rows, texts)]
        for number, run in enumerate(runs):
            file = Path(run.out) / f"{options.split}-{beams}.json"
            texts = write_texts(f"{run.out}/last", rows, beams, file)
            systems[ARMS[number % len(ARMS)]].append(score_texts(rows, texts))
        found[f"beam {beams}"] = summary(systems)
        show(beams, found[f"beam {beams}"])
    write_json(
        RESULTS,
        {
            "n": len(rows),
            "split": options.split,
            "seeds": options.seeds,
            "updates": options.updates,
            "length_penalty": LENGTH_PENALTY,
            "machine": platform.processor() or platform.machine(),
            "lead": best_lead(rows).scores,
            "seconds": {
                run.out: sum(
                    value
                    for record in read_metrics(Path(run.out))
                    for name, value in record.items()
                    if name in ("time/sample", "time/reward", "time/update")
                )
                for run in runs
            },
            **found,
        },
    )


if __name__ == "__main__":
    main()
