"""Does a reward model rank summaries as people do, better than ROUGE-L?

    python benchmarks/reward_model.py ../shared/data/summeval.jsonl.gz --out runs/judge

Rank pairs of SummEval: of two summaries of one article, the one with the higher mean
over the four human scores is preferred; ties make no pair. Five folds by article: a
reward model is trained from the starter on four, and judges the pairs of the fifth, so
each article is judged once, by a model that has not seen it. In the training part one
article in eight is held out to choose the weights; the test articles have no say.

The settings are chosen before, on the training part of the first fold alone: each
candidate learns two thirds of its articles, and the one that orders the pairs of the
last third best is taken for all folds. That the reward is read at all states, not at
the last one, is measured there too.

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
import dataclasses
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.data.judged import JudgedRow, read_judged
from nutgraf.data.pairs import Pair, pairs_from_scores, split_pairs
from nutgraf.files import write_json
from nutgraf.metrics.significance import bootstrap_interval, paired_test
from nutgraf.models.checkpoint import load_policy, read_config, starter_folder
from nutgraf.models.reward_model import RewardModel, with_window
from nutgraf.recipes.pair_settings import RewardModelSettings
from nutgraf.recipes.reward_model import RewardModelTraining, train_reward_model
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
    folds=8,  # shares no factor with FOLDS: the same hash decides both
    max_text=160,
    training=PairSettings(
        epochs=5, prompts=4, learning_rate=1e-3, source_bounds=(128,)
    ),
)
THIRD = 3  # one article in so many judges the candidates; no factor in common either


class Candidate(NamedTuple):
    """Settings to choose from; what is not `last_state` can be chosen."""

    learning_rate: float = 1e-3
    margin_weight: float = 0.0
    last_state: bool = False


CANDIDATES = {
    "rate 1e-3": Candidate(),
    "rate 3e-4": Candidate(learning_rate=3e-4),
    "rate 1e-3, margin 1": Candidate(margin_weight=1.0),
    "rate 1e-3, last state": Candidate(last_state=True),
}

Ranker = Callable[[str, Sequence[str]], Sequence[float]]
"""A prompt and its texts -> a number for each text."""


class LastState(RewardModel):
    """A reward model that is read at the last state of a text alone."""

    def scores(
        self, values: list, batch: Any, actions: Any, mask: Any, dropout: Any = None
    ) -> Any:
        """See `RewardModel.scores`."""
        after = ops.concatenate([mask[..., 1:], ops.zeros_like(mask[..., :1])], axis=-1)
        last = ops.logical_and(mask, ops.logical_not(after))
        return super().scores(values, batch, actions, last, dropout)


def with_candidate(candidate: Candidate) -> RewardModelSettings:
    """Return the settings of a candidate."""
    training = dataclasses.replace(
        SETTINGS.training, learning_rate=candidate.learning_rate
    )
    return dataclasses.replace(
        SETTINGS, margin_weight=candidate.margin_weight, training=training
    )


def judged_candidates(train: Sequence[Pair], out: Path) -> dict[str, dict]:
    """Train each candidate on a part of the pairs; its accuracy on the others."""
    file = out / "candidates.json"
    found: dict[str, dict] = json.loads(file.read_text()) if file.exists() else {}
    parts = split_pairs(train, 0, THIRD)
    for name, candidate in CANDIDATES.items():
        if name in found:
            continue
        settings = with_candidate(candidate)
        body = with_window(load_policy(starter_folder()), 0, settings.max_text)
        started = time.process_time()
        training = RewardModelTraining(
            (LastState if candidate.last_state else RewardModel)(body),
            settings.training,
            margin_weight=settings.margin_weight,
            centring_weight=settings.centring_weight,
            dropout=settings.dropout,
            texts=settings.texts,
        )
        records = training.fit_pairs(*parts)
        passes = [
            round(one["valid/accuracy"], 4)
            for one in records
            if "valid/accuracy" in one
        ]
        spent = round((time.process_time() - started) / 60, 1)
        found[name] = {"best": max(passes), "passes": passes, "cpu_minutes": spent}
        out.mkdir(parents=True, exist_ok=True)
        write_json(file, found)
        print(f"candidate {name}: {found[name]}", flush=True)
    return found


def chosen_candidate(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the best of those that the library has."""
    names = [name for name, one in CANDIDATES.items() if not one.last_state]
    return max(names, key=lambda name: found[name]["best"])


def write_pairs(path: Path, pairs: Sequence[Pair]) -> str:
    """Write pairs as the command reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(pair._asdict() | {"origin": ""}) for pair in pairs)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def trained(
    train: Sequence[Pair], settings: RewardModelSettings, out: Path
) -> tuple[LearnedReward, dict]:
    """Train on the pairs of a fold, or go on with it; the judge and what it cost."""
    pairs = write_pairs(out / "pairs.jsonl", train)
    settings = dataclasses.replace(settings, pairs=pairs, out=str(out / "run"))
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


def bounds(one: Mapping[str, float]) -> str:
    """Return an interval in per cent."""
    return f"[{100 * one['low']:.1f}, {100 * one['high']:.1f}]"


def table(result: Mapping[str, Any]) -> str:
    """Return the rankers and the candidates as they are in the page."""
    lines = [
        "| ranker | pairs ordered as people did, % | reward model minus it |",
        "| --- | --- | --- |",
    ]
    for name, one in result["accuracy"].items():
        difference = "–"
        if test := result["reward_model_minus"].get(name):
            difference = f"{100 * test['difference']:+.1f} {bounds(test)}"
            difference += f", p = {test['p_value']:.4f}"
        lines.append(
            f"| {name} | {100 * one['mean']:.1f} {bounds(one)} | {difference} |"
        )
    lines += ["", "| candidate | held-out pairs, %, pass by pass |", "| --- | --- |"]
    for name, one in result["candidates"].items():
        passes = ", ".join(f"{100 * value:.1f}" for value in one["passes"])
        lines.append(f"| {name} | {passes} |")
    return "\n".join(lines)


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
    candidates = judged_candidates(split_pairs(pairs, 0, FOLDS).train, chosen.out)
    taken = chosen_candidate(candidates)
    settings = with_candidate(CANDIDATES[taken])
    for fold in range(FOLDS):
        train, test = split_pairs(pairs, fold, FOLDS)
        judge, cost = trained(train, settings, chosen.out / f"fold-{fold}")
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
        "candidates": candidates,
        "chosen": taken,
        "cpu_minutes": round(
            sum(one["cpu_minutes"] for one in (*candidates.values(), *folds)), 1
        ),
        **summary(scores),
        "folds": folds,
        "machine": f"{platform.machine()}, {platform.python_version()}",
    }
    write_json(RESULTS, result)
    print(table(result))
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
