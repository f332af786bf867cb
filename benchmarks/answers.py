"""Does RL on F1 find better answers? SQuAD's sample, spans over MiniLM, one seed.

    python benchmarks/answers.py --out runs/answers

The supervised start is trained on the first rows of squad_sample.train (2 epochs). Then
three runs go on from it, with the same prompts, updates and rate, each with the
references' cross-entropy mixed in at one weight, as DCN+ mixes them:

    f1           self-critical RL on the F1 of the answer
    random       the same with a random reward: what is left is the supervised part
    f1 alone     without the references

Scored are the answers to the 430 rows of squad_sample.valid, whose texts are in no
training row; rows are paired with those of the start. A call that was interrupted goes
on where it stopped. About 30 minutes on 2 cores. Writes
benchmarks/results/answers.json; --tiny tries the program in two minutes and writes it
into the folder of the runs.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings, load_split
from nutgraf.evaluation.extract import Extractor
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.files import write_json
from nutgraf.metrics.significance import paired_test
from nutgraf.models.span_folder import load_span_policy
from nutgraf.models.span_settings import WindowSettings
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import (
    ImproveSettings,
    ModelSettings,
    RewardSettings,
    TrainSettings,
)
from nutgraf.recipes.supervised import train
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.tasks.extract import EXTRACT
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "answers.json"
DATA = ROOT.parent / "shared" / "data"
ARMS: dict[str, tuple[str, float]] = {
    "f1": ("token_f1=1", 0.5),
    "random": ("random", 0.5),
    "f1 alone": ("token_f1=1", 0.0),
}
"""Name -> reward, weight of the references."""


class Bench:
    """The runs.

    Args:
        out: their folder.
        tiny: make everything small, to try the program.
        rows: training rows.
        updates: of each arm.
    """

    def __init__(self, out: Path, tiny: bool, rows: int, updates: int) -> None:
        self.out, self.tiny = out, tiny
        self.updates = 3 if tiny else updates
        self.data = EXTRACT.data(
            DataSettings(
                "files",
                train=str(DATA / "squad_sample.train.jsonl.gz"),
                valid=str(DATA / "squad_sample.valid.jsonl.gz"),
                max_rows=48 if tiny else rows,
            )
        )

    def start(self) -> dict[str, Any]:
        """Train the start."""
        training = SupervisedSettings(
            epochs=1 if self.tiny else 2,
            learning_rate=2e-4,
            warmup=20,
            label_smoothing=0.0,
            checkpoint_every=25,
        )
        settings = TrainSettings(
            out=str(self.out / "start"),
            task="extract",
            data=self.data,
            model=ModelSettings(start="minilm"),
            training=training,
            windows=WindowSettings(256, 64, 30),
            tokens_per_batch=4_096,
            num_shapes=3,
            sample_rows=0,
        )
        return train(settings, print)

    def improve(self, name: str) -> dict[str, Any]:
        """Run an arm."""
        reward, weight = ARMS[name]
        rl = RLSettings(
            updates=self.updates,
            prompts=8,
            samples=8,
            learning_rate=3e-5,
            warmup=5,
            kl_weight=0.0,
            supervised_weight=weight,
            source_bounds=(128, 192),
            checkpoint_every=20,
        )
        settings = ImproveSettings(
            start=str(self.out / "start" / "last"),
            out=str(self.folder(name)),
            task="extract",
            algorithm="self-critical",
            data=self.data,
            reward=RewardSettings((reward,)),
            rl=rl,
            guard=GuardSettings(on="off"),
        )
        return improve(settings, print)

    def folder(self, name: str) -> Path:
        """Return the run folder of an arm."""
        return self.out / name.replace(" ", "-")

    def scored(self, name: str, rows: list[Row]) -> Evaluation:
        """Score the answers of a run, from its file when it is there."""
        file = self.folder(name) / "valid.json"
        if not file.exists():
            policy = load_span_policy(self.folder(name) / "last")
            write_json(file, Extractor(policy)(rows))
        texts = json.loads(file.read_text("utf-8"))
        return score_texts(rows, texts, name=name, task=EXTRACT)


def row_of(found: Evaluation, start: Evaluation | None) -> dict[str, Any]:
    """Return the scores of a run, and its difference to the start."""
    row: dict[str, Any] = {
        name: round(found.means()[name], 2) for name in ("exact_match", "token_f1")
    }
    if start is not None:
        test = paired_test(found.of("token_f1"), start.of("token_f1"))
        row["difference"] = [
            round(x, 2) for x in (test.difference, test.low, test.high)
        ]
        row["p_value"] = round(test.p_value, 4)
    return row


def main() -> None:
    """Run what is missing, and write all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "answers")
    parser.add_argument("--only", nargs="*", choices=ARMS, default=list(ARMS))
    parser.add_argument("--rows", type=int, default=1_600)
    parser.add_argument("--updates", type=int, default=80)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    out = given.out / "tiny" if given.tiny else given.out
    results = out / "answers.json" if given.tiny else RESULTS
    bench = Bench(out, given.tiny, given.rows, given.updates)
    rows = list(load_split(replace(bench.data, max_rows=0), "valid"))
    rows = rows[:20] if given.tiny else rows
    began = time.monotonic()
    position = bench.start()
    start = bench.scored("start", rows)
    made: dict[str, Any] = {
        "machine": platform.machine(),
        "tiny": given.tiny,
        "n": len(rows),
        "training_rows": bench.data.max_rows,
        "signature": start.signature,
        "start": {"updates": position["step"], **row_of(start, None)},
    }
    sentences = EXTRACT.baselines(rows, "english")
    for name, texts in sentences.items():
        made[name] = row_of(score_texts(rows, texts, name=name, task=EXTRACT), None)
    for name in given.only:
        bench.improve(name)
        records = read_metrics(bench.folder(name))
        made[name] = row_of(bench.scored(name, rows), start)
        made[name]["updates"] = len(records)
        tenth = max(1, len(records) // 10)
        for key, part in (("first", records[:tenth]), ("last", records[-tenth:])):
            mean = sum(one["reward/mean"] for one in part) / tenth
            made[name][f"reward_{key}"] = round(mean, 4)
        made["seconds"] = round(time.monotonic() - began)
        write_json(results, made)
        print(name, json.dumps(made[name]), flush=True)
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
