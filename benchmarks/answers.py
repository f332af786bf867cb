"""Does RL on F1 find better answers? Spans and written ones, English and Chinese.

    python benchmarks/answers.py spans written chinese --out runs/answers

    spans     SQuAD's sample, 700 rows: MiniLM with a span head
    written   SQuAD's sample, 3,900 rows: the starter model, an encoder-decoder with a
              copy head, reads question and text (128 word pieces, what is longer is
              cut) and writes the answer
    chinese   CMRC 2018, dev and trial rows, split by article: a small BERT with a span
              head, new; counted in characters

From a supervised start go on, with the same prompts, updates and rate, one seed,

    f1        RL on the F1 of the answer
    random    the same with a random reward

Spans learn by self-critical RL with the references' cross-entropy mixed in at one
weight, as DCN+ mixes them: what the random arm gains is that supervised part. Written
answers learn by GRPO from the reward alone. The last weights count; rows for validation
have no say. Their texts are in no training row; they are paired with those of the
start. A call that was interrupted goes on where it stopped. Writes
benchmarks/results/answers.json; --tiny tries the program in a few minutes and writes it
into the folder of the runs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from kept import kept_texts, rounded_test

from nutgraf import backend
from nutgraf.data.sources import DataSettings, load_split
from nutgraf.evaluation.extract import Extractor
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation, score_texts
from nutgraf.evaluation.texts import words_of
from nutgraf.files import atomic_file, write_json
from nutgraf.metrics.significance import paired_test
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.span_folder import load_span_policy
from nutgraf.models.span_settings import WindowSettings
from nutgraf.recipes.improve import improve
from nutgraf.recipes.settings import (
    AlgorithmName,
    ImproveSettings,
    ModelSettings,
    RewardSettings,
    TrainSettings,
)
from nutgraf.recipes.supervised import train
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.tasks.answer import ANSWER
from nutgraf.tasks.extract import EXTRACT
from nutgraf.tasks.task import Task
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "answers.json"
DATA = ROOT.parent / "shared" / "data"
ARMS = {"f1": "token_f1=1", "random": "random"}
"""Name -> reward."""


class Kind(NamedTuple):
    """What answers, and how it learns.

    Attributes:
        task: spans or written answers.
        rows: training rows; 0 = all.
        start: settings of the supervised training, but for folder and data.
        algorithm: of the arms.
        rl: their updates.
        weight: of the references in the arms.
    """

    task: Task
    rows: int
    start: dict[str, Any]
    algorithm: AlgorithmName
    rl: RLSettings
    weight: float


SPANS = RLSettings(
    updates=30,
    prompts=8,
    samples=8,
    learning_rate=3e-5,
    warmup=5,
    kl_weight=0.0,
    source_bounds=(128, 192),
    checkpoint_every=20,
)
KINDS = {
    "spans": Kind(
        EXTRACT,
        700,
        {
            "model": ModelSettings(start="minilm"),
            "training": SupervisedSettings(
                epochs=2,
                learning_rate=2e-4,
                warmup=20,
                label_smoothing=0.0,
                checkpoint_every=25,
            ),
            "windows": WindowSettings(256, 64, 30),
            "tokens_per_batch": 4_096,
        },
        "self-critical",
        SPANS,
        0.5,
    ),
    "written": Kind(
        ANSWER,
        0,
        {
            "model": ModelSettings(start="starter"),
            "training": SupervisedSettings(
                epochs=3,
                learning_rate=5e-4,
                warmup=50,
                label_smoothing=0.0,
                checkpoint_every=50,
            ),
            "tokens_per_batch": 8_192,
        },
        "grpo",
        RLSettings(
            updates=60,
            length=24,
            warmup=5,
            checkpoint_every=20,
        ),
        0.0,
    ),
    "chinese": Kind(
        EXTRACT,
        0,
        {
            "model": ModelSettings(
                architecture="bert", size="tiny", vocabulary_size=8_000
            ),
            "training": SupervisedSettings(
                epochs=3, warmup=50, label_smoothing=0.0, checkpoint_every=50
            ),
            "windows": WindowSettings(384, 64, 40),
            "tokens_per_batch": 8_192,
        },
        "self-critical",
        replace(SPANS, learning_rate=2e-4, source_bounds=(256,)),
        0.5,
    ),
}


def squad(out: Path) -> dict[str, str]:
    """Return the files of SQuAD's sample."""
    del out
    return {s: str(DATA / f"squad_sample.{s}.jsonl.gz") for s in ("train", "valid")}


def cmrc2018(out: Path) -> dict[str, str]:
    """Write CMRC 2018's rows as two files: every eighth article is for validation."""
    rows = []
    for part in ("dev", "trial"):
        with gzip.open(DATA / f"cmrc2018.{part}.jsonl.gz", "rt", encoding="utf8") as f:
            rows += [json.loads(line) for line in f]
    held = set(sorted({row["title"] for row in rows})[::8])
    files = {split: out / f"{split}.jsonl" for split in ("train", "valid")}
    for split, file in files.items():
        if file.is_file():
            continue
        with atomic_file(file) as text:
            for row in rows:
                if row["question"].strip() and (row["title"] in held) == (
                    split == "valid"
                ):
                    print(json.dumps(row, ensure_ascii=False), file=text)
    return {split: str(file) for split, file in files.items()}


class Bench:
    """The runs of a kind.

    Args:
        name: of the kind.
        out: their folder.
        tiny: make everything small, to try the program.
    """

    def __init__(self, name: str, out: Path, tiny: bool) -> None:
        self.kind = KINDS[name]
        self.out, self.tiny = out / name, tiny
        files = (cmrc2018 if name == "chinese" else squad)(self.out)
        data = self.kind.task.data(DataSettings("files", **files))
        self.data = replace(data, max_rows=48 if tiny else self.kind.rows)
        self.rows = list(load_split(data, "valid"))[: 20 if tiny else None]
        self.words = words_of(self.rows)

    def start(self) -> dict[str, Any]:
        """Train the start."""
        given = dict(self.kind.start)
        if self.tiny:
            given["training"] = replace(given["training"], epochs=1)
        settings = TrainSettings(
            out=str(self.out / "start"),
            task=self.kind.task.name,
            data=self.data,
            num_shapes=3,
            sample_rows=0,
            **given,
        )
        return train(settings, print)

    def improve(self, arm: str) -> list[dict[str, float]]:
        """Run an arm; its log."""
        rl = replace(self.kind.rl, supervised_weight=self.kind.weight)
        settings = ImproveSettings(
            start=str(self.out / "start" / "last"),
            out=str(self.out / arm),
            task=self.kind.task.name,
            algorithm=self.kind.algorithm,
            data=self.data,
            reward=RewardSettings((ARMS[arm],)),
            rl=replace(rl, updates=3) if self.tiny else rl,
            guard=GuardSettings(on="off"),
        )
        improve(settings, print)
        return read_metrics(self.out / arm)

    def scored(self, name: str) -> Evaluation:
        """Score the answers of a run, from its file when it is there."""
        model = self.out / name / "last"

        def write() -> list[str]:
            if self.kind.task is EXTRACT:
                return Extractor(load_span_policy(model))(self.rows)
            return Generator(load_policy(model))(self.rows)

        return self.score(kept_texts(self.out / name / "valid.json", write), name)

    def score(self, texts: list[str], name: str) -> Evaluation:
        """Score one text for each row."""
        return score_texts(self.rows, texts, self.words, name, self.kind.task)


def row_of(found: Evaluation, start: Evaluation | None) -> dict[str, Any]:
    """Return the scores of a run, and its difference to the start."""
    row: dict[str, Any] = {
        name: round(found.means()[name], 2) for name in ("exact_match", "token_f1")
    }
    if start is not None:
        test = paired_test(found.of("token_f1"), start.of("token_f1"))
        row |= rounded_test(test)
    return row


def run(bench: Bench) -> dict[str, Any]:
    """Run what is missing of a kind; all that is there."""
    began = time.monotonic()
    position = bench.start()
    start = bench.scored("start")
    made: dict[str, Any] = {
        "machine": backend.describe(),
        "tiny": bench.tiny,
        "n": start.n,
        "training_rows": sum(1 for _ in load_split(bench.data, "train")),
        "signature": start.signature,
        "start": {"updates": position["step"], **row_of(start, None)},
    }
    for name, texts in bench.kind.task.baselines(bench.rows, bench.words).items():
        made[name] = row_of(bench.score(texts, name), None)
    ends = {}
    for name in ARMS:
        records = bench.improve(name)
        ends[name] = bench.scored(name)
        made[name] = {**row_of(ends[name], start), "updates": len(records)}
        tenth = max(1, len(records) // 10)
        for key, part in (("first", records[:tenth]), ("last", records[-tenth:])):
            mean = sum(one["reward/mean"] for one in part) / tenth
            made[name][f"reward_{key}"] = round(mean, 4)
        print(name, json.dumps(made[name]), flush=True)
    sides = (ends[name].of("token_f1") for name in ARMS)
    made["f1 - random"] = rounded_test(paired_test(*sides))
    return {**made, "seconds": round(time.monotonic() - began)}


def main() -> None:
    """Run what is missing, and write all that is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "answers")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    out = given.out / "tiny" if given.tiny else given.out
    results = out / "answers.json" if given.tiny else RESULTS
    made = json.loads(results.read_text("utf-8")) if results.is_file() else {}
    for name in given.kinds:
        bench = Bench(name, out, given.tiny)
        made[name] = run(bench)
        write_json(results, made)
        print(json.dumps(made[name], indent=1), flush=True)


if __name__ == "__main__":
    main()
