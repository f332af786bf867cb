"""What each option of supervised training is worth, at equal numbers of updates.

    python benchmarks/options.py --out runs/options --seeds 0

Multi30k, English to German: positions (learned, rotary), unigram pieces, token dropout,
R-Drop, each beside the same training without it; and back-translation where pairs are
few: a third of the pairs and made-up sources for another third of the German texts,
beside that third of the pairs alone, read twice as often. Docstrings, whose sources
have more than one sentence: sentence shuffle and token dropout. Nothing is tuned for an
option. Other pieces and made-up sources give other batches: there the epochs are equal,
and the updates nearly. R-Drop takes twice the time of the others for the same updates.

Scored are the greedy texts of the model with the lowest validation loss; rows are
paired with those of the training without the option, over all seeds. A run takes three
to ten minutes on 2 cores. A call that was interrupted goes on where it stopped. Writes
benchmarks/results/options.json; --tiny tries the program in a minute and writes it into
the folder of the runs.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from docstrings import docstrings
from kept import kept_texts, pooled, rounded_test

from nutgraf import backend
from nutgraf.data.augment import AugmentSettings
from nutgraf.data.files import read_rows
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings, load_split
from nutgraf.evaluation.generate import Generator
from nutgraf.evaluation.score import Evaluation
from nutgraf.files import atomic_file, write_json
from nutgraf.metrics.significance import paired_test
from nutgraf.models.checkpoint import load_policy
from nutgraf.recipes.back_translation import back_translate
from nutgraf.recipes.settings import ModelSettings, TrainSettings
from nutgraf.recipes.supervised import train
from nutgraf.tasks.names import task_of
from nutgraf.training.log import read_metrics
from nutgraf.training.settings import SupervisedSettings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "options.json"
DATA = ROOT.parent / "shared" / "data"
FEW = 9_500
"""Pairs of the trainings with few of them; the German side of as many more is given."""

MODEL = {"size": "mini", "vocabulary_size": 4_000}
LIMITS = {
    "translate": {"max_source": 64, "max_target": 64, "copy_head": False},
    "summarize": {"max_source": 128, "max_target": 40},
}
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "translate": ("", {}),
    "learned positions": ("translate", {"model": {"positions": "learned"}}),
    "rotary positions": ("translate", {"model": {"positions": "rotary"}}),
    "unigram pieces": ("translate", {"model": {"tokenizer": "unigram"}}),
    "token dropout 0.1": ("translate", {"augment": {"token_dropout": 0.1}}),
    "R-Drop 1": ("translate", {"training": {"r_drop": 1.0}}),
    "few pairs": ("", {}),
    "back-translation": ("few pairs", {}),
    "summarize": ("", {}),
    "sentence shuffle 0.3": ("summarize", {"augment": {"sentence_shuffle": 0.3}}),
    "token dropout 0.1, docstrings": (
        "summarize",
        {"augment": {"token_dropout": 0.1}},
    ),
}
"""Name -> the training it is compared with ("" = none), and what it changes."""


class Bench:
    """Trainings of one seed.

    Args:
        out: folder of the runs.
        seed: of the trainings.
        tiny: make everything small, to try the program.
        summaries: the docstrings.
    """

    def __init__(
        self, out: Path, seed: int, tiny: bool, summaries: DataSettings
    ) -> None:
        self.out, self.seed, self.tiny = out, seed, tiny
        self.summaries = summaries
        self.few = 60 if tiny else FEW

    def folder(self, name: str) -> Path:
        """Return the run folder of a training."""
        made = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
        return self.out / f"{made}-{self.seed}"

    def data(self, name: str) -> DataSettings:
        """Return where the rows of a training come from."""
        if self.task(name) == "summarize":
            return replace(self.summaries, max_rows=200 if self.tiny else 0)
        files = {
            split: str(DATA / f"multi30k.{split}.jsonl.gz") for split in ("train",)
        }
        files |= {
            "valid": str(DATA / "multi30k.valid.jsonl.gz"),
            "test": str(DATA / "multi30k.test2016.jsonl.gz"),
        }
        settings = DataSettings("files", source_field="en", target_field="de", **files)
        if name in ("few pairs", "back"):
            settings = replace(settings, train=str(self.out / "few.jsonl"))
        if name == "back-translation":
            settings = replace(settings, train=str(self.mixed()))
        if name == "back":
            settings = replace(settings, source_field="de", target_field="en")
        return replace(settings, max_rows=200 if self.tiny else 0)

    def task(self, name: str) -> str:
        """Return the task of a training."""
        own = {name, OPTIONS.get(name, ("", {}))[0]}
        return "summarize" if "summarize" in own else "translate"

    def settings(self, name: str) -> TrainSettings:
        """Return the settings of a training."""
        task = self.task(name)
        changes = OPTIONS.get(name, ("", {}))[1]
        model = {**MODEL, **LIMITS[task], **changes.get("model", {})}
        epochs = 12 if name in ("few pairs", "back") else 6
        training = {"epochs": epochs, "learning_rate": 2e-3, "warmup": 300}
        if self.tiny:
            model |= {"size": "tiny", "vocabulary_size": 400}
            training["epochs"] = epochs // 6
        return TrainSettings(
            out=str(self.folder(name)),
            task=task,
            data=self.data(name),
            model=ModelSettings(**model),
            training=SupervisedSettings(
                **training, seed=self.seed, **changes.get("training", {})
            ),
            augment=AugmentSettings(**changes.get("augment", {})),
            tokens_per_batch=4_096,
            sample_rows=0,
        )

    def prepare(self) -> None:
        """Write the few pairs, and the German texts without a source."""
        path = DATA / "multi30k.train.jsonl.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = list(itertools.islice(file, 2 * self.few))
        parts = {"few": lines[: self.few], "texts": lines[self.few :]}
        for name, some in parts.items():
            target = self.out / f"{name}.jsonl"
            if not target.exists():
                with atomic_file(target) as made:
                    made.writelines(some)

    def mixed(self) -> Path:
        """Return the few pairs with as many whose sources a model has made up."""
        path = self.out / f"mixed-{self.seed}.jsonl"
        if path.exists():
            return path
        made = self.out / f"made-{self.seed}.jsonl"
        if not made.exists():
            self.train("back")
            folder = self.folder("back") / "best"
            back_translate(
                load_policy(folder),
                read_rows(self.out / "texts.jsonl", "de", None),
                made,
                made_by=folder.name,
                source_field="en",
                target_field="de",
                report=print,
            )
        with atomic_file(path) as file:
            for part in (self.out / "few.jsonl", made):
                file.write(part.read_text("utf-8"))
        return path

    def train(self, name: str) -> dict[str, Any]:
        """Train, or go on; return the position at the end."""
        print(f"{name}, seed {self.seed}", flush=True)
        return train(self.settings(name), print)

    def texts(self, name: str, rows: Sequence[Row]) -> list[str]:
        """Return the greedy texts of a training, from the file when it is there."""
        file = self.folder(name) / "test.json"

        def write() -> list[str]:
            return Generator(load_policy(self.folder(name) / "best"), rows=128)(rows)

        return kept_texts(file, write)

    def run(self, name: str, rows: Sequence[Row]) -> dict[str, Any]:
        """Return what a training was, and leave its texts in its folder."""
        path = self.folder(name) / "result.json"
        if not path.exists():
            position = self.train(name)
            self.texts(name, rows)
            valid = [r for r in read_metrics(self.folder(name)) if "valid/loss" in r]
            found = {
                "updates": position["step"],
                "seconds": round(position["seconds"]),
                "valid_loss": round(min(r["valid/loss"] for r in valid), 4),
            }
            write_json(path, found)
        return dict(json.loads(path.read_text("utf-8")))


def test_rows(bench: Bench, name: str) -> list[Row]:
    """Return the rows that texts are scored on: every second docstring."""
    rows = list(load_split(bench.settings(name).data, "test"))
    rows = rows[:20] if bench.tiny else rows
    return rows[::2] if bench.task(name) == "summarize" else rows


def evaluated(benches: Sequence[Bench], name: str, rows: Sequence[Row]) -> Evaluation:
    """Return the scores of all seeds' texts together."""
    seeds = [(rows, bench.texts(name, rows)) for bench in benches]
    return pooled(seeds, task_of(benches[0].task(name)))


def compared(benches: Sequence[Bench], name: str, rows: Sequence[Row]) -> dict:
    """Return scores, and the difference to the training without the option."""
    found = evaluated(benches, name, rows)
    result: dict[str, Any] = {
        "compared_with": OPTIONS[name][0],
        "signature": found.signature,
        "scores": {metric: round(value, 2) for metric, value in found.means().items()},
    }
    if OPTIONS[name][0]:
        before = evaluated(benches, OPTIONS[name][0], rows)
        test = paired_test(found.of(found.main), before.of(found.main))
        result["main"] = found.main
        result |= rounded_test(test)
    return result


def main() -> None:
    """Run what is missing, and write all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "options")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=OPTIONS, default=list(OPTIONS))
    parser.add_argument("--docstrings", type=Path, help="see docstrings.py")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    out = given.out / "tiny" if given.tiny else given.out
    results = out / "options.json" if given.tiny else RESULTS
    summaries = docstrings(given.docstrings)
    benches = [Bench(out, seed, given.tiny, summaries) for seed in given.seeds]
    benches[0].prepare()
    made: dict[str, Any] = {"machine": backend.describe(), "seeds": given.seeds}
    made["tiny"], made["options"] = given.tiny, {}
    chosen = {*given.only, *(OPTIONS[name][0] for name in given.only)}
    for name in (name for name in OPTIONS if name in chosen):
        rows = test_rows(benches[0], name)
        runs = [bench.run(name, rows) for bench in benches]
        made["options"][name] = {"n": len(rows), "runs": runs}
        made["options"][name] |= compared(benches, name, rows)
        write_json(results, made)
        print(name, json.dumps(made["options"][name]), flush=True)


if __name__ == "__main__":
    main()
