"""Does a reward model rank summaries as people do, better than ROUGE-L?

    python benchmarks/reward_model.py ../shared/data/summeval.jsonl.gz --out runs/judge

Rank pairs of SummEval: of two summaries of one article, the one with the higher mean
over the four human scores is preferred; ties make no pair. Five folds by article: a
reward model is trained from the starter on four, and judges the pairs of the fifth, so
each article is judged once, by a model that has not seen it. In the training part one
article in ten is held out to choose the weights; the test articles have no say.

Rankers on the same pairs: ROUGE-L with all references and with one, which the reward
model does not read; the number of words; and the mean human score of the two systems on
the training articles, which reads no text and knows only who wrote it. The share of
pairs that are ordered as people did, a tie being half right, is averaged over articles;
intervals are drawn over articles.

The starter reads 128 tokens, so nearly all articles are cut; its 40 actions of a text
are widened to 160. An interrupted call goes on where it stopped. Writes
benchmarks/results/reward_model.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from nutgraf.data.judged import JudgedRow, read_judged
from nutgraf.data.pairs import Pair, pairs_from_scores, split_pairs
from nutgraf.files import write_json
from nutgraf.metrics.significance import bootstrap_interval, paired_test
from nutgraf.models.checkpoint import read_config, starter_folder
from nutgraf.recipes.pair_settings import RewardModelSettings
from nutgraf.recipes.reward_model import train_reward_model
from nutgraf.rewards.learned import LearnedReward
from nutgraf.rewards.rouge import RougeReward
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.text.tokenizer import Tokenizer
from nutgraf.training.log import read_metrics

RESULTS = Path(__file__).parent / "results" / "reward_model.json"
FOLDS = 5
NAMES = ("reward model", "ROUGE-L", "ROUGE-L, one reference", "length", "system")
SETTINGS = RewardModelSettings(
    pairs="",
    max_text=160,
    training=PairSettings(
        epochs=6, prompts=4, learning_rate=1e-3, patience=3, source_bounds=(128,)
    ),
)
"""Chosen on the training part of the first fold alone, see the page."""

Ranker = Callable[[str, Sequence[str]], Sequence[float]]
"""A prompt and its texts -> a number for each text."""


def write_pairs(path: Path, pairs: Sequence[Pair]) -> str:
    """Write pairs as the command reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(pair._asdict() | {"origin": ""}) for pair in pairs)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def trained(train: Sequence[Pair], out: Path) -> tuple[LearnedReward, dict]:
    """Train on the pairs of a fold, or go on with it; the judge and what it cost."""
    pairs = write_pairs(out / "pairs.jsonl", train)
    settings = RewardModelSettings(
        **{**vars(SETTINGS), "pairs": pairs, "out": str(out / "run")}
    )
    started = time.process_time()
    found = train_reward_model(settings, lambda line: print(line, flush=True))
    file = out / "cpu_seconds.json"
    spent = json.loads(file.read_text()) if file.exists() else 0.0
    spent += time.process_time() - started
    write_json(file, spent)
    cost = {"cpu_minutes": round(spent / 60, 1), "updates": found["updates"]}
    last = read_metrics(out / "run")[-1]
    cost["validation_accuracy"] = round(found["accuracy"], 4)
    cost["last_training_accuracy"] = round(last["pairs/accuracy"], 4)
    return LearnedReward(found["model"], squash=False), cost


def rankers(
    rows: Sequence[JudgedRow], train: Sequence[Pair], judge: LearnedReward
) -> dict[str, Ranker]:
    """Return the rankers of a fold; `system` knows the scores of training articles."""
    known = {pair.prompt for pair in train}
    scores: dict[str, list[float]] = {}
    for row in rows:
        for text in row.texts:
            if row.row.document in known:
                mean = float(np.mean(list(text.scores.values())))
                scores.setdefault(text.system, []).append(mean)
    references = {row.row.document: row.row.references for row in rows}
    writer = {
        (row.row.document, text.text): text.system for row in rows for text in row.texts
    }
    rouge = RougeReward(0, 0, 1)

    def overlap(count: int | None) -> Ranker:
        return lambda prompt, texts: rouge(
            [prompt] * len(texts),
            list(texts),
            [references[prompt][:count]] * len(texts),
        )

    found: tuple[Ranker, ...] = (
        lambda prompt, texts: judge([prompt] * len(texts), list(texts), []),
        overlap(None),
        overlap(1),
        lambda prompt, texts: [float(len(text.split())) for text in texts],
        lambda prompt, texts: [
            float(np.mean(scores[writer[prompt, text]])) for text in texts
        ],
    )
    return dict(zip(NAMES, found, strict=True))


def accuracy(prompt: str, pairs: Sequence[Pair], rank: Ranker) -> float:
    """Return the share of an article's pairs that are ordered as people did."""
    texts = list({text: 0 for pair in pairs for text in (pair.chosen, pair.rejected)})
    ranks = dict(zip(texts, rank(prompt, texts), strict=True))
    signs = [np.sign(ranks[pair.chosen] - ranks[pair.rejected]) for pair in pairs]
    return float(np.mean([0.5 * (1 + sign) for sign in signs]))


def by_article(
    test: Sequence[Pair], ranks: Mapping[str, Ranker]
) -> dict[str, dict[str, float]]:
    """Return name -> article -> accuracy."""
    articles: dict[str, list[Pair]] = {}
    for pair in test:
        articles.setdefault(pair.prompt, []).append(pair)
    return {
        name: {prompt: accuracy(prompt, own, rank) for prompt, own in articles.items()}
        for name, rank in ranks.items()
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return a mean and its interval over articles."""
    found = bootstrap_interval(values)
    return {key: round(value, 4) for key, value in found._asdict().items()}


def summary(scores: Mapping[str, Mapping[str, float]]) -> dict:
    """Return the accuracies and what the reward model is better by, in pairs."""
    values = {name: list(some.values()) for name, some in scores.items()}
    ours = values[NAMES[0]]
    better = {}
    for name in NAMES[1:]:
        test = paired_test(ours, values[name])
        better[name] = {key: round(value, 4) for key, value in test._asdict().items()}
    return {
        "accuracy": {name: interval(some) for name, some in values.items()},
        "reward_model_minus": better,
    }


def cut_shares(rows: Sequence[JudgedRow]) -> dict[str, float]:
    """Return the shares of articles and of texts that the model does not read whole."""
    config = read_config(starter_folder())[1]
    tokenizer = Tokenizer.load(starter_folder())
    limits = {"articles": config.max_source, "texts": SETTINGS.max_text - 1}
    texts = {
        "articles": [row.row.document for row in rows],
        "texts": [text.text for row in rows for text in row.texts],
    }
    return {
        name: float(
            np.mean([len(ids) > limits[name] for ids in tokenizer.encode_batch(some)])
        )
        for name, some in texts.items()
    }


def main() -> None:
    """Train and judge fold by fold, print the table, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", help="summeval.jsonl.gz")
    parser.add_argument("--out", type=Path, default=Path("runs/judge"))
    chosen = parser.parse_args()
    rows = read_judged(chosen.file)
    pairs = pairs_from_scores(rows)
    scores: dict[str, dict[str, float]] = {name: {} for name in NAMES}
    folds = []
    for fold in range(FOLDS):
        train, test = split_pairs(pairs, fold, FOLDS)
        judge, cost = trained(train, chosen.out / f"fold-{fold}")
        found = by_article(test, rankers(rows, train, judge))
        for name in NAMES:
            scores[name] |= found[name]
        means = {
            name: round(float(np.mean(list(found[name].values()))), 4) for name in NAMES
        }
        folds.append({"articles": len(found[NAMES[0]]), **cost, "accuracy": means})
        print(f"fold {fold}: {folds[-1]}", flush=True)
    result = {
        "articles": len(rows),
        "pairs": len(pairs),
        "cut": cut_shares(rows),
        "cpu_minutes": round(sum(fold["cpu_minutes"] for fold in folds), 1),
        **summary(scores),
        "folds": folds,
        "machine": f"{platform.machine()}, {platform.python_version()}",
    }
    write_json(RESULTS, result)
    print(json.dumps(result["accuracy"], indent=1))
    print(json.dumps(result["reward_model_minus"], indent=1))
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
