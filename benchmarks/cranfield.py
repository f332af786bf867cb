"""Does learned ranking beat BM25, and does RL add to it? Cranfield, five folds.

    python benchmarks/cranfield.py ../shared/data --out runs/cranfield --seeds 3

1,400 abstracts on aeronautics, 225 queries, binary judgements. The searches need no
training: BM25, dense with all-MiniLM-L6-v2 as it is, hybrid by reciprocal ranks. Then
five folds by query: a rescorer (docs/search.md) learns from the grades of four folds
and ranks the first 50 documents of hybrid search again for the fifth. From its weights
go on, for as many updates each

- RL on nDCG@10 (Plackett-Luce samples, leave-one-out baseline),
- the same with a random reward,
- supervised training continued.

The form of the score and the settings were chosen on the training queries of the first
fold, by folds within them. Within the training folds one query in five chooses the
weights, by nDCG@10; test queries have no say in them. Each query is scored once per
seed by a model that has not seen it; its scores are averaged over seeds, then compared
in pairs over queries.

--cross N adds a cross-encoder that starts from MiniLM and ranks 20 documents, on the
first N folds, one seed; it takes far longer. An interrupted call goes on where it
stopped. Writes benchmarks/results/cranfield.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.files import write_json
from nutgraf.metrics.significance import bootstrap_interval, paired_test
from nutgraf.recipes.search import Data, split_queries, train_on
from nutgraf.search.dense import load_bi_encoder
from nutgraf.search.evaluate import SearchScores, rankings_of, score_rankings
from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.rankers import load_ranker
from nutgraf.search.rescorer import Rescorer
from nutgraf.search.searcher import Searcher
from nutgraf.search.settings import LoopSettings, TrainSearchSettings
from nutgraf.tasks.search import (
    METRICS,
    Judgements,
    Query,
    read_documents,
    read_judgements,
    read_queries,
)

RESULTS = Path(__file__).parent / "results" / "cranfield.json"
FOLDS = 5
CANDIDATES = 50
RESCORE = TrainSearchSettings(
    "",
    "",
    "",
    objective="rescore",
    candidates=CANDIDATES,
    rank=16,
    dropout=0.3,
    training=LoopSettings(
        updates=300,
        batch=16,
        learning_rate=3e-3,
        weight_decay=0.1,
        evaluate_every=20,
        checkpoint_every=100,
    ),
)
LATER = dataclasses.replace(
    RESCORE.training, updates=200, learning_rate=2e-3, evaluate_every=20
)
ARMS = {
    "RL on nDCG@10": {"objective": "rl", "reward": "ndcg"},
    "control: random reward": {"objective": "rl", "reward": "random"},
    "control: supervised goes on": {"objective": "rescore"},
}
CROSS = dataclasses.replace(
    RESCORE,
    objective="cross",
    candidates=20,
    dropout=0.1,
    max_length=192,
    training=LoopSettings(
        updates=60,
        batch=2,
        learning_rate=3e-5,
        weight_decay=0.01,
        evaluate_every=20,
        checkpoint_every=10,
    ),
)
SUPERVISED = "hybrid + rescorer"
UNTRAINED = "hybrid + rescorer, untrained"


def opened(data: Path, out: Path) -> Searcher:
    """Return the searcher over the collection; the index is built once."""
    model = load_bi_encoder("minilm")
    folder = out / "index"
    if not (folder / "manifest.json").is_file():
        documents = read_documents(data / "cranfield.corpus.jsonl.gz")
        build_index(folder, documents, model, model="minilm")
    return Searcher(open_index(folder), model)


def trained(settings: TrainSearchSettings, data: Data) -> str:
    """Train, or go on; the folder of the best weights."""
    found = train_on(settings, data, lambda line: print(line, flush=True))
    return str(found["model"])


def ranked_by(
    searcher: Searcher, folder: str, queries: Sequence[Query], depth: int
) -> dict[str, list[str]]:
    """Rankings of queries when a ranker ranks the first ones again."""
    again = Searcher(searcher.index, searcher.embedder, load_ranker(folder), depth)
    return rankings_of(again, queries, "hybrid")


def fold_of(
    searcher: Searcher,
    queries: Sequence[Query],
    judged: Judgements,
    fold: int,
    seed: int,
    out: Path,
) -> dict[str, dict[str, list[str]]]:
    """Train all arms of a fold; name -> rankings of its test queries."""
    file = out / f"rankings-{fold}-{seed}.json"
    if file.is_file():
        found: dict[str, dict[str, list[str]]] = json.loads(file.read_text())
        return found
    rest, test = split_queries(queries, FOLDS, fold)
    train, valid = split_queries(rest, FOLDS)
    data = Data(searcher, train, valid, judged)
    folder = out / f"fold-{fold}-{seed}"

    def settings(name: str, base: TrainSearchSettings, **changes: Any) -> Any:
        training = changes.pop("training", base.training)
        return dataclasses.replace(
            base,
            out=str(folder / name),
            training=dataclasses.replace(training, seed=seed),
            **changes,
        )

    start = trained(settings("supervised", RESCORE), data)
    models = {SUPERVISED: start}
    for number, (name, changes) in enumerate(ARMS.items()):
        arm = settings(f"arm-{number}", RESCORE, training=LATER, start=start, **changes)
        models[name] = trained(arm, data)
    found = {
        name: ranked_by(searcher, model, test, CANDIDATES)
        for name, model in models.items()
    }
    write_json(file, found)
    return found


def cross_fold(
    searcher: Searcher,
    queries: Sequence[Query],
    judged: Judgements,
    fold: int,
    out: Path,
) -> dict[str, list[str]]:
    """Train a cross-encoder on a fold; rankings of its test queries."""
    rest, test = split_queries(queries, FOLDS, fold)
    train, valid = split_queries(rest, FOLDS)
    settings = dataclasses.replace(CROSS, out=str(out / f"cross-{fold}"))
    model = trained(settings, Data(searcher, train, valid, judged))
    return ranked_by(searcher, model, test, CROSS.candidates)


def averaged(scores: Sequence[SearchScores]) -> SearchScores:
    """Return the mean over seeds of each query's scores."""
    means = {
        label: np.mean([one.scores[label] for one in scores], axis=0)
        for label in METRICS
    }
    return SearchScores(scores[0].name, means)


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Return numbers as they are kept."""
    return {name: round(value, 4) for name, value in values.items()}


def compared(systems: Mapping[str, SearchScores], pairs: Sequence[tuple[str, str]]):
    """Return first - second of pairs of systems, nDCG@10, with intervals and p."""
    found = {}
    for first, second in pairs:
        if first in systems and second in systems:
            test = paired_test(
                systems[first].scores["nDCG@10"], systems[second].scores["nDCG@10"]
            )
            found[f"{first} - {second}"] = rounded(test._asdict())
    return found


def summary(systems: Mapping[str, SearchScores]) -> dict[str, Any]:
    """Return means with intervals of all metrics, and what is compared."""
    rl = next(iter(ARMS))
    pairs = [("dense", "bm25"), ("hybrid", "bm25"), ("hybrid", "dense")]
    pairs += [(UNTRAINED, "hybrid"), (SUPERVISED, UNTRAINED)]
    pairs += [(SUPERVISED, "bm25"), (SUPERVISED, "hybrid"), (rl, SUPERVISED)]
    pairs += [(rl, name) for name in (*ARMS, "bm25", "hybrid") if name != rl]
    scores = {
        name: {
            label: rounded(bootstrap_interval(values)._asdict())
            for label, values in one.scores.items()
        }
        for name, one in systems.items()
    }
    return {"scores": scores, "ndcg_differences": compared(systems, pairs)}


def main() -> None:
    """Run what is missing and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/cranfield"))
    parser.add_argument("--seeds", type=int, default=3, help="0 = searches alone")
    parser.add_argument("--cross", type=int, default=0, help="folds of cross-encoder")
    arguments = parser.parse_args()
    started = time.process_time()
    queries = read_queries(arguments.data / "cranfield.queries.jsonl.gz")
    judged = read_judgements(arguments.data / "cranfield.qrels.jsonl.gz")
    searcher = opened(arguments.data, arguments.out)
    systems = {}
    for mode in searcher.modes():
        rankings = rankings_of(searcher, queries, mode)
        systems[mode] = score_rankings(mode, rankings, judged)
        print(f"{mode}: nDCG@10 {systems[mode].mean():.2f}", flush=True)
    index = searcher.index
    start = Rescorer(index.vectors.width, index.manifest.embedder)
    again = Searcher(searcher.index, searcher.embedder, start, CANDIDATES)
    rankings = rankings_of(again, queries, "hybrid")
    systems[UNTRAINED] = score_rankings(UNTRAINED, rankings, judged)
    print(f"{UNTRAINED}: nDCG@10 {systems[UNTRAINED].mean():.2f}", flush=True)
    by_seed: dict[str, list[SearchScores]] = {}
    for seed in range(arguments.seeds):
        runs: dict[str, dict[str, list[str]]] = {}
        for fold in range(FOLDS):
            found = fold_of(searcher, queries, judged, fold, seed, arguments.out)
            for name, rankings in found.items():
                runs.setdefault(name, {}).update(rankings)
        for name, rankings in runs.items():
            ordered = {query.id: rankings[query.id] for query in queries}
            scored = score_rankings(name, ordered, judged)
            by_seed.setdefault(name, []).append(scored)
            print(f"seed {seed}, {name}: nDCG@10 {scored.mean():.2f}", flush=True)
    systems |= {name: averaged(scores) for name, scores in by_seed.items()}
    result = {
        "machine": platform.processor() or platform.machine(),
        "queries": len(queries),
        "seeds": arguments.seeds,
        "folds": FOLDS,
        **summary(systems),
        "ndcg_by_seed": {
            name: [round(one.mean(), 4) for one in scores]
            for name, scores in by_seed.items()
        },
    }
    cross: dict[str, list[str]] = {}
    for fold in range(arguments.cross):
        cross |= cross_fold(searcher, queries, judged, fold, arguments.out)
    if cross:
        some = {query.id: query for query in queries if query.id in cross}
        part = {
            mode: score_rankings(
                mode, rankings_of(searcher, list(some.values()), mode), judged
            )
            for mode in searcher.modes()
        }
        ordered = {name: cross[name] for name in some}
        part["cross"] = score_rankings("cross", ordered, judged)
        result["cross_encoder"] = {
            "folds": arguments.cross,
            "queries": len(some),
            "ndcg": {name: round(one.mean(), 4) for name, one in part.items()},
            "ndcg_differences": compared(
                part, [("cross", "hybrid"), ("cross", "bm25")]
            ),
        }
    file = arguments.out / "cpu_minutes.json"
    before = json.loads(file.read_text()) if file.is_file() else 0.0
    result["cpu_minutes"] = round(before + (time.process_time() - started) / 60, 1)
    write_json(file, result["cpu_minutes"])  # of all calls for this folder
    write_json(RESULTS, result)


if __name__ == "__main__":
    main()
