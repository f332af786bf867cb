"""Transformer, GPT, LSTM, GRU or RNN? Each trained on the same rows, three seeds.

    python benchmarks/architectures.py docstrings --out runs/architectures
    python benchmarks/architectures.py multi30k --out runs/architectures --seeds 0

docstrings: summaries, all models with as many weights as the Transformer of size mini.
multi30k: English to German, the FLOPs of all trainings equal. Same rows, word pieces,
epochs, learning rate and batches for all; nothing is tuned for one of them. Each seed
is what `nutgraf choose` does; here the rows of all seeds are paired with those of the
Transformer. A training takes 10 to 30 minutes on 2 cores; a call that was interrupted
goes on where it stopped. Writes benchmarks/results/architectures_<task>.json; --tiny
tries the program in minutes and writes into the folder of the runs.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from docstrings import docstrings
from kept import pooled, rounded_test

from nutgraf import backend
from nutgraf.data.sources import DataSettings
from nutgraf.evaluation.score import Evaluation
from nutgraf.evaluation.texts import read_texts, task_in
from nutgraf.files import write_json
from nutgraf.metrics.significance import paired_test
from nutgraf.recipes.choose import choose
from nutgraf.recipes.choose_settings import MODELS, ChooseSettings, CommonSettings
from nutgraf.training.settings import SupervisedSettings

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DATA = ROOT.parent / "shared" / "data"
MEASURED = ("width", "parameters", "flops")
SPEED = ("training_tokens_per_second", "sampling_tokens_per_second", "seconds")
SPEED += ("peak_memory_mib",)
"""Numbers of `choose` that depend on the machine."""


def summaries(data: DataSettings) -> ChooseSettings:
    """Return the choice on docstrings."""
    return ChooseSettings(
        match="parameters",
        data=data,
        model=CommonSettings("mini", 4_000, max_source=128, max_target=40),
    )


def captions() -> ChooseSettings:
    """Return the choice on captions, which have nothing to copy but names."""
    files = {
        name: str(DATA / f"multi30k.{name}.jsonl.gz") for name in ("train", "valid")
    }
    return ChooseSettings(
        match="flops",
        task="translate",
        data=DataSettings(
            "files",
            source_field="en",
            target_field="de",
            test=str(DATA / "multi30k.test2016.jsonl.gz"),
            **files,
        ),
        model=CommonSettings(
            "mini", 4_000, copy_head=False, max_source=64, max_target=64
        ),
    )


def of_seed(base: ChooseSettings, given: argparse.Namespace, seed: int) -> Any:
    """Return the choice of one seed."""
    training = SupervisedSettings(
        epochs=given.epochs, learning_rate=2e-3, warmup=300, seed=seed
    )
    settings = replace(
        base,
        models=tuple(given.models),
        out=str(given.out / f"{given.on}-{seed}"),
        training=training,
    )
    if given.tiny:
        small = replace(settings.model, size="tiny", vocabulary_size=400)
        data = replace(settings.data, max_rows=200)
        settings = replace(
            settings, model=small, data=data, training=replace(training, epochs=1)
        )
    return settings


def evaluated(folders: list[Path], name: str) -> Evaluation:
    """Return the scores of a model's texts of all seeds together."""
    found = [read_texts(folder / name / "test") for folder in folders]
    return pooled(found, task_in(folders[0] / name / "test"))


def summary(folders: list[Path], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return each model's numbers, and its paired test against the first."""
    first, *_ = found[0]
    before = evaluated(folders, first)
    result: dict[str, Any] = {}
    for name in found[0]:
        now = evaluated(folders, name)
        seeds = [one[name] for one in found]
        result[name] = {key: seeds[0][key] for key in MEASURED}
        result[name] |= {key: [round(one[key], 1) for one in seeds] for key in SPEED}
        result[name]["scores"] = {k: round(v, 2) for k, v in now.means().items()}
        result[name]["seeds"] = [round(one["mean"], 2) for one in seeds]
        if name != first:
            test = paired_test(now.of(now.main), before.of(before.main))
            result[name] |= rounded_test(test)
    return {"main": before.main, "signature": before.signature, "models": result}


def main() -> None:
    """Run what is missing, and write what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("on", choices=["docstrings", "multi30k"])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "architectures")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--docstrings", type=Path, help="see docstrings.py")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    base = captions()
    if given.on == "docstrings":
        base = summaries(docstrings(given.docstrings))
    choices = [of_seed(base, given, seed) for seed in given.seeds]
    found = [choose(one, print) for one in choices]
    made = summary([Path(one.out) for one in choices], found)
    facts = {"seeds": given.seeds, "epochs": given.epochs, "match": base.match}
    facts |= {"tiny": given.tiny, "rows": found[0][given.models[0]]["rows"]}
    results = (given.out if given.tiny else RESULTS) / f"architectures_{given.on}.json"
    write_json(results, {**facts, "machine": backend.describe(), **made})
    print(json.dumps(made, indent=1), flush=True)


if __name__ == "__main__":
    main()
