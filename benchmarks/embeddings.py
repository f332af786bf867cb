"""Do vectors find what belongs together? STS-B and Banking77, one seed.

    python benchmarks/embeddings.py ../shared/data --out runs/embeddings

STS-B: cosines of all-MiniLM-L6-v2 as it is, beside what people say of the 1,379 pairs
of its test split (Spearman), and beside the F1 of the words that a pair shares.

Banking77: test questions search the training questions; right is what has the same
intent. BM25, dense and hybrid search with MiniLM as it is, and both again after MiniLM
has learned from pairs of training questions of one intent, with the other pairs of a
batch and BM25's best of other intents as negatives. Every fifth intent is held out of
this training, questions and negatives alike: the index still holds all. Test questions
that stand in the training rows word by word are left out. Nothing was tuned, and the
last weights count.

An interrupted call goes on where it stopped. About 15 minutes on a core. Writes
benchmarks/results/embeddings.json; --tiny tries the program in two minutes and writes
it into the folder of the runs.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept import rounded_test

from nutgraf import backend
from nutgraf.files import write_json
from nutgraf.metrics.answers import token_f1
from nutgraf.metrics.correlation import spearman
from nutgraf.metrics.retrieval import ndcg, recall, reciprocal_rank
from nutgraf.metrics.significance import bootstrap_interval, paired_test
from nutgraf.search.dense import BiEncoder, Contrastive, Pair, load_bi_encoder
from nutgraf.search.index_folder import build_index, open_index
from nutgraf.search.loop import SearchLoop
from nutgraf.search.searcher import Searcher
from nutgraf.search.settings import LoopSettings
from nutgraf.tasks.search import Document
from nutgraf.training.log import read_metrics

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "embeddings.json"
PLACES = 10
NEGATIVES = 1
LONGEST = 32
"""Word pieces of a question in training; one in a hundred is longer."""
TRAINING = LoopSettings(
    updates=150, batch=32, learning_rate=5e-5, warmup=15, checkpoint_every=25
)
METRICS = {
    "accuracy@1": lambda found, judged: reciprocal_rank(found, judged, 1),
    "MRR@10": lambda found, judged: reciprocal_rank(found, judged, PLACES),
    "nDCG@10": lambda found, judged: ndcg(found, judged, PLACES),
    "recall@10": lambda found, judged: recall(found, judged, PLACES),
}
PAIRS = [("hybrid", "bm25"), ("hybrid", "dense"), ("trained dense", "dense")]
PAIRS += [("trained hybrid", "hybrid"), ("trained dense", "trained hybrid")]

Rankings = dict[str, list[list[str]]]
"""Search -> ids of the first documents of each query."""


def records(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file."""
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


class Bank(NamedTuple):
    """Banking77 as a collection.

    Attributes:
        documents: the training questions.
        intents: of the documents.
        queries: the test questions.
        wanted: their intents.
        held_out: intents of which nothing is learned.
    """

    documents: list[Document]
    intents: list[str]
    queries: list[str]
    wanted: list[str]
    held_out: frozenset[str]


def bank_of(data: Path, step: int = 1) -> Bank:
    """Read Banking77, one row in `step`."""
    rows = records(data / "banking77.train.jsonl.gz")[::step]
    known = {row["text"].strip().lower() for row in rows}
    intents = {row["label"] for row in rows}
    asked = [
        row
        for row in records(data / "banking77.test.jsonl.gz")[::step]
        if row["label"] in intents and row["text"].strip().lower() not in known
    ]
    return Bank(
        [Document(row["id"], row["text"]) for row in rows],
        [row["label"] for row in rows],
        [row["text"] for row in asked],
        [row["label"] for row in asked],
        frozenset(sorted(intents)[::5]),
    )


def searcher_of(bank: Bank, folder: Path, model: BiEncoder, name: str) -> Searcher:
    """Return the searcher over the training questions; the index is built once."""
    if not (folder / "manifest.json").is_file():
        build_index(folder, bank.documents, model, model=name)
    return Searcher(open_index(folder), model)


def rankings_of(searcher: Searcher, bank: Bank, file: Path) -> Rankings:
    """Search in all ways, unless the file has what is found."""
    if not file.is_file():
        found = {
            mode: [
                [hit.document.id for hit in hits]
                for hits in searcher.search_all(bank.queries, mode, PLACES)
            ]
            for mode in searcher.modes()
        }
        write_json(file, found)
    rankings: Rankings = json.loads(file.read_text(encoding="utf-8"))
    return rankings


def pairs_of_intents(searcher: Searcher, bank: Bank, seed: int = 0) -> list[Pair]:
    """Pair each training question that may be learned from with another of its intent.

    Args:
        searcher: its BM25 finds the hard negatives.
        bank: the questions.
        seed: of the partners.
    """
    random = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for number, intent in enumerate(bank.intents):
        if intent not in bank.held_out:
            groups.setdefault(intent, []).append(number)
    found = []
    for intent, group in groups.items():
        own = frozenset(group)
        for place, number in enumerate(group if len(group) > 1 else ()):
            partner = (place + random.integers(1, len(group))) % len(group)
            text = bank.documents[number].text
            near, _ = searcher.index.bm25.search(text, len(group) + 50)
            hard = [
                n
                for n in near.tolist()
                if bank.intents[n] in groups and bank.intents[n] != intent
            ]
            found.append(Pair(text, group[partner], tuple(hard[:NEGATIVES]), own))
    return found


def train(searcher: Searcher, bank: Bank, tiny: bool, folder: Path) -> dict[str, Any]:
    """Train MiniLM, or go on; what it took."""
    model = load_bi_encoder("minilm", max_length=LONGEST)
    pairs = pairs_of_intents(searcher, bank)
    settings = replace(TRAINING, updates=3, batch=8) if tiny else TRAINING
    texts = [document.text for document in bank.documents]
    lesson = Contrastive(model, texts, pairs, NEGATIVES, settings.batch, settings.seed)
    SearchLoop(model, lesson, settings, folder).fit()
    log = read_metrics(folder)
    return {
        "pairs": len(pairs),
        "updates": settings.updates,
        "batch": settings.batch,
        "loss_first": round(log[0]["loss/contrastive"], 3),
        "loss_last": round(log[-1]["loss/contrastive"], 3),
        "seconds": round(sum(record["time/update"] for record in log)),
    }


def scored(
    rankings: Mapping[str, Sequence[Sequence[str]]], bank: Bank, chosen: Sequence[int]
) -> dict[str, Any]:
    """Score some of the queries: means with intervals, and what is compared."""
    judged: dict[str, dict[str, float]] = {}
    for document, intent in zip(bank.documents, bank.intents, strict=True):
        judged.setdefault(intent, {})[document.id] = 1.0
    tables = [judged[bank.wanted[number]] for number in chosen]
    values = {
        name: {
            label: metric([found[number] for number in chosen], tables)
            for label, metric in METRICS.items()
        }
        for name, found in rankings.items()
    }
    most = np.mean([min(1.0, PLACES / len(table)) for table in tables])
    tests = {
        label: {
            f"{one} - {other}": rounded_test(
                paired_test(values[one][label], values[other][label])
            )
            for one, other in PAIRS
        }
        for label in ("accuracy@1", "nDCG@10")
    }
    return {
        "n": len(chosen),
        "highest_recall@10": round(100 * float(most), 2),
        "scores": {
            name: {
                label: [round(value, 2) for value in bootstrap_interval(numbers)]
                for label, numbers in own.items()
            }
            for name, own in values.items()
        },
        "tests": tests,
    }


def banking(data: Path, out: Path, tiny: bool) -> dict[str, Any]:
    """Search Banking77 before and after the training."""
    bank = bank_of(data, 25 if tiny else 1)
    searcher = searcher_of(bank, out / "index", load_bi_encoder("minilm"), "minilm")
    rankings = rankings_of(searcher, bank, out / "rankings.json")
    cost = train(searcher, bank, tiny, out / "trained")
    name = str(out / "trained" / "last")
    again = searcher_of(bank, out / "trained-index", load_bi_encoder(name), name)
    found = rankings_of(again, bank, out / "trained-rankings.json")
    rankings |= {f"trained {mode}": found[mode] for mode in ("dense", "hybrid")}
    hidden = [intent in bank.held_out for intent in bank.wanted]
    parts = {"learned": np.flatnonzero(~np.array(hidden)).tolist()}
    parts["held out"] = np.flatnonzero(hidden).tolist()
    return {
        "documents": len(bank.documents),
        "intents": len(set(bank.intents)),
        "intents_held_out": len(bank.held_out),
        "training": cost,
        **{name: scored(rankings, bank, chosen) for name, chosen in parts.items()},
    }


def with_interval(
    said: np.ndarray, people: np.ndarray, draws: int = 500
) -> list[float]:
    """Return Spearman's rho times 100, with its 95 % bootstrap interval over pairs."""
    random = np.random.default_rng(0)
    count = len(people)
    rhos = []
    for _ in range(draws):
        chosen = random.integers(0, count, count)
        rhos.append(float(spearman(said[chosen], people[chosen])))
    values = [float(spearman(said, people)), *np.quantile(rhos, (0.025, 0.975))]
    return [round(100 * float(value), 2) for value in values]


def similarity(data: Path, tiny: bool) -> dict[str, Any]:
    """Compare cosines with what people say of STS-B's pairs."""
    rows = records(data / "stsb.test.jsonl.gz")[:: 20 if tiny else 1]
    first, second = ([row[f"sentence{n}"] for row in rows] for n in (1, 2))
    people = np.array([float(row["score"]) for row in rows])
    model = load_bi_encoder("minilm")
    cosines = np.sum(model(first) * model(second), axis=-1)
    shared = np.asarray(token_f1(first, [[text] for text in second], "english"))
    draws = 20 if tiny else 500
    return {
        "n": len(rows),
        "words shared": with_interval(shared, people, draws),
        "minilm": with_interval(cosines, people, draws),
    }


def rows_of(found: Mapping[str, Any]) -> Iterable[str]:
    """The tables, as lines."""
    for part in ("learned", "held out"):
        yield f"{part}, n = {found[part]['n']}: " + ", ".join(METRICS)
        for name, scores in found[part]["scores"].items():
            yield f"{name}: " + "  ".join(f"{own[0]:.1f}" for own in scores.values())


def main() -> None:
    """Run what is missing, and write all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of stsb.* and banking77.*")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "embeddings")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    out = given.out / "tiny" if given.tiny else given.out
    made: dict[str, Any] = {"machine": backend.describe(), "tiny": given.tiny}
    made["stsb"] = similarity(given.data, given.tiny)
    print(json.dumps(made["stsb"]), flush=True)
    made["banking77"] = banking(given.data, out, given.tiny)
    print(*rows_of(made["banking77"]), sep="\n")
    write_json(out / "embeddings.json" if given.tiny else RESULTS, made)


if __name__ == "__main__":
    main()
