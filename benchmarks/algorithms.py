"""All algorithms on real text, from the same start, with equal numbers of samples.

    python benchmarks/algorithms.py --out runs/algorithms

Each algorithm takes the demo's start, rows, reward, learning rate and number of prompts
and samples, and its own defaults otherwise; so nothing is tuned for one of them. The
controls are a random reward (under GRPO) and supervised training continued. Scored on
every third held-out test row, greedy. Rows are paired with the start's, each row's
score being its mean over the seeds. The eight main algorithms and the controls have the
given seeds, the others the first one only. Each run is a process of its own; an
interrupted run goes on where it stopped. What a run was worth on each row is kept in
benchmarks/results/algorithms.json, so that runs can be added on another day, as long as
the test rows are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kept import kept_texts

from nutgraf.data.rows import Row
from nutgraf.data.sources import load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.files import write_json
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
KL = "policy/kl_to_start"
COLUMNS = ("rouge1", "rouge2", "rougeL", "rouge_mean", "length_ratio", "repetition")


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


def texts_of(model: str, rows: Sequence[Row], file: Path) -> list[str]:
    """Return a model's greedy text for each row, from the file when it is there."""
    return kept_texts(file, lambda: Generator(load_policy(model), rows=128)(rows))


def train(name: str, seed: int, out: Path) -> None:
    """Run one algorithm with one seed, and write its texts."""
    run = settings_of(name, seed, out)
    improve(run, print)
    texts_of(f"{run.out}/last", test_rows(), Path(run.out) / "test.json")


def rows_signature(rows: Sequence[Row]) -> str:
    """Tell which rows these are, and in which order."""
    texts = "\n".join(row.id + row.references[0] for row in rows)
    return hashlib.sha256(texts.encode()).hexdigest()[:16]


def scores_of(found: Evaluation) -> dict[str, Any]:
    """Return means, and the mean of ROUGE-1, 2 and L of each row, on one line."""
    means = found.means()
    return {
        "scores": {metric: round(means[metric], 3) for metric in means},
        "rows": " ".join(f"{value:.1f}" for value in found.values("rouge_mean")),
    }


def row_scores(run: dict[str, Any]) -> np.ndarray:
    """Read the rows of `scores_of`."""
    return np.array(run["rows"].split(), float)


def result_of(run: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """Return what a finished run was worth."""
    texts = json.loads((run / "test.json").read_text(encoding="utf-8"))
    late = read_metrics(run)[-10:]
    kl = [record[KL] for record in late if KL in record]
    return {
        "kl": round(float(np.mean(kl)), 4) if kl else None,
        **scores_of(score_texts(rows, texts)),
    }


def known(rows: Sequence[Row], out: Path) -> dict[str, Any]:
    """Return the results so far; those of other rows are left out."""
    signature = rows_signature(rows)
    if RESULTS.exists():
        found = dict(json.loads(RESULTS.read_text(encoding="utf-8")))
        if found["test_rows"] == signature:
            return found
        print(f"{RESULTS} is of other test rows: begun anew", flush=True)
    texts = texts_of(DEMO.start, rows, out / "start.json")
    return {
        "n": len(rows),
        "test_rows": signature,
        "updates": UPDATES,
        "prompts": DEMO.rl.prompts,
        "samples": DEMO.rl.samples,
        "machine": platform.processor() or platform.machine(),
        "start": scores_of(score_texts(rows, texts)),
        "runs": {},
    }


def cells(run: dict[str, Any], start: np.ndarray) -> list[str]:
    """Return an algorithm's cells: scores over its seeds, and its gain."""
    own = list(run.values())
    rows = np.mean([row_scores(one) for one in own], axis=0)
    gain = paired_test(rows, start)
    means = [np.mean([one["scores"][name] for one in own]) for name in COLUMNS]
    return [
        str(len(own)),
        *(f"{mean:.2f}" for mean in means),
        f"{gain.difference:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]",
        f"{gain.p_value:.4f}",
        "–" if own[0]["kl"] is None else f"{np.mean([one['kl'] for one in own]):.3f}",
    ]


def show(found: dict[str, Any]) -> None:
    """Print the table of docs/algorithms/README.md."""
    head = ["algorithm", "seeds", *COLUMNS, "gain over start", "p", "KL"]
    print("| " + " | ".join(head) + " |")
    print("| --- " * len(head) + "|")
    start = found["start"]
    scores = [f"{start['scores'][name]:.2f}" for name in COLUMNS]
    print("| " + " | ".join(["start", "", *scores, "", "", ""]) + " |")
    by_name: dict[str, dict[str, Any]] = {}
    for key, run in found["runs"].items():
        name, _, seed = key.rpartition("-")
        by_name.setdefault(name, {})[seed] = run

    def worth(name: str) -> float:
        return -float(np.mean([row_scores(run) for run in by_name[name].values()]))

    for name in sorted(by_name, key=worth):
        print(
            "| " + " | ".join([name, *cells(by_name[name], row_scores(start))]) + " |"
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
    rows = test_rows()
    found = known(rows, options.out)
    for name, seed in plan:
        run = Path(settings_of(name, seed, options.out).out)
        key = f"{name}-{seed}"
        if key not in found["runs"] and not options.show:
            print(f"{name}, seed {seed}", flush=True)
            command = [sys.executable, __file__, "--out", str(options.out)]
            subprocess.run([*command, "--run", name, str(seed)], check=True)
        if key not in found["runs"] and (run / "test.json").exists():
            found["runs"][key] = result_of(run, rows)
            write_json(RESULTS, found)
    show(found)


if __name__ == "__main__":
    main()
