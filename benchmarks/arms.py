"""Does the reward teach, or would any training have done? Three arms for any task.

For each seed, from the same start and for the same number of updates: RL; RL with a
random reward; supervised training continued on as many references as RL takes samples.
Each arm is scored on held-out rows, with greedy decoding and with beam 4. Rows are
paired between arms, each row's numbers being their means over the seeds. An interrupted
call goes on where it stopped. `three_arms.py`, `translation.py` and
`architecture_arms.py` say on what.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept import PHASES, kept_texts

from nutgraf import backend
from nutgraf.data.rows import Row
from nutgraf.data.sources import load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.evaluation.texts import words_of
from nutgraf.files import write_json
from nutgraf.metrics.significance import paired_test
from nutgraf.metrics.statistics import Statistics
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import ImproveSettings
from nutgraf.tasks.names import task_of
from nutgraf.training.log import read_metrics

ARMS = ("rl", "random reward", "continued supervised")


class Experiment(NamedTuple):
    """What the arms are run on.

    Attributes:
        base: settings of the RL arm; its start is where all begin.
        metrics: that are tested, those that are not rewarded among them.
        columns: of the printed table.
        length_penalty: of beam search.
        results: file that is written.
        beams: of each decoding; 1 = greedy.
    """

    base: ImproveSettings
    metrics: tuple[str, ...]
    columns: tuple[str, ...]
    length_penalty: float
    results: Path
    beams: tuple[int, ...] = (1, 4)


def settings_of(
    base: ImproveSettings, arm: str, seed: int, out: Path
) -> ImproveSettings:
    """Return the settings, changed into an arm's."""
    run = replace(
        base,
        out=str(out / f"{arm.replace(' ', '-')}-{seed}"),
        rl=replace(base.rl, seed=seed),
    )
    if arm == "random reward":
        return replace(run, reward=replace(run.reward, parts=("random",)))
    if arm == "continued supervised":
        return replace(run, algorithm="supervised")
    return run


def texts_of(
    model: str, rows: Sequence[Row], beams: int, penalty: float, file: Path
) -> list[str]:
    """Return a model's text for each row, from the file when it is there."""

    def write() -> list[str]:
        policy, most = load_policy(model), 128 // beams
        return Generator(policy, beams, most, length_penalty=penalty)(rows)

    return kept_texts(file, write)


def mean_rows(evaluations: Sequence[Evaluation], metric: str) -> Statistics:
    """Return a metric's numbers of each row, averaged over seeds."""
    found = [evaluation.of(metric) for evaluation in evaluations]
    return found[0]._replace(rows=np.mean([one.rows for one in found], axis=0))


def compared(
    a: Sequence[Evaluation], b: Sequence[Evaluation], metric: str
) -> dict[str, float]:
    """Return the paired test of two arms."""
    test = paired_test(mean_rows(a, metric), mean_rows(b, metric))
    return {name: float(value) for name, value in test._asdict().items()}


def summary(
    systems: dict[str, list[Evaluation]], metrics: Sequence[str]
) -> dict[str, Any]:
    """Return scores of each system, per seed and on average, and the tests."""
    pairs = [(arm, "start") for arm in ARMS] + [("rl", arm) for arm in ARMS[1:]]
    tests = {
        metric: {
            f"{one} - {other}": compared(systems[one], systems[other], metric)
            for one, other in pairs
        }
        for metric in metrics
    }
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
    return {"scores": scores, "tests": tests}


def show(beams: int, columns: Sequence[str], found: dict[str, Any]) -> None:
    """Print a decoding's scores and tests."""
    print(f"\nbeam {beams}" if beams > 1 else "\ngreedy")
    print("| system | " + " | ".join(columns) + " |")
    print("| --- " * (len(columns) + 1) + "|")
    for name, scores in found["scores"].items():
        cells = [f"{scores['mean'][column]:.2f}" for column in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for metric, tests in found["tests"].items():
        for name, test in tests.items():
            print(
                f"{metric}, {name}: {test['difference']:+.2f} [{test['low']:+.2f}, "
                f"{test['high']:+.2f}], p = {test['p_value']:.4f}"
            )


def seconds_of(run: ImproveSettings) -> float:
    """Return the seconds that a run's updates took."""
    records = read_metrics(Path(run.out))
    return sum(record.get(name, 0.0) for record in records for name in PHASES)


def run_arms(
    experiment: Experiment, seeds: Sequence[int], split: str, out: Path
) -> None:
    """Train the arms, score them, compare them, write the results.

    Args:
        experiment: what they are run on.
        seeds: of each arm.
        split: whose rows are written and scored.
        out: folder of the runs.
    """
    base = experiment.base
    rows = list(load_split(base.data, split))
    words, task = words_of(rows[:100]), task_of(base.task)
    runs = [settings_of(base, arm, seed, out) for seed in seeds for arm in ARMS]
    for run in runs:
        print(run.out, flush=True)
        improve(run, print)
    found = {}
    for beams in experiment.beams:

        def scored(model: str, file: Path, beams: int = beams) -> Evaluation:
            penalty = experiment.length_penalty
            texts = texts_of(model, rows, beams, penalty, file)
            return score_texts(rows, texts, words, task=task)

        start = scored(base.start, out / f"start-{split}-{beams}.json")
        systems: dict[str, list[Evaluation]] = {"start": [start]}
        for number, run in enumerate(runs):
            file = Path(run.out) / f"{split}-{beams}.json"
            arm = systems.setdefault(ARMS[number % len(ARMS)], [])
            arm.append(scored(f"{run.out}/last", file))
        found[f"beam {beams}"] = summary(systems, experiment.metrics)
        show(beams, experiment.columns, found[f"beam {beams}"])
    facts = {
        "n": len(rows),
        "split": split,
        "seeds": list(seeds),
        "updates": base.rl.updates,
        "length_penalty": experiment.length_penalty,
        "machine": backend.describe(),
        "signature": systems["start"][0].signature,
        "seconds": {run.out: seconds_of(run) for run in runs},
    }
    write_json(experiment.results, {**facts, **found})


def options(description: str, out: str) -> argparse.ArgumentParser:
    """Return the options that all experiments have.

    Args:
        description: for `--help`.
        out: default folder of the runs.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--updates", type=int, default=0, help="0 = as set")
    parser.add_argument("--split", default="test", choices=["valid", "test"])
    return parser
