"""The settings of `nutgraf train-search`; importing them loads no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nutgraf.errors import ConfigError
from nutgraf.ranges import check_folds, check_ranges

__all__ = ["LoopSettings", "Objective", "TrainSearchSettings"]

Objective = Literal["contrastive", "rescore", "cross", "rl"]


@dataclass(frozen=True)
class LoopSettings:
    """Settings of the training of a search model."""

    updates: int = 200
    """Number of updates."""
    batch: int = 8
    """Queries per update."""
    learning_rate: float = 1e-4
    """Highest learning rate of AdamW; it falls to a tenth along a cosine."""
    warmup: int = 10
    """Updates until the highest learning rate."""
    weight_decay: float = 0.01
    """Decoupled weight decay on matrices."""
    clip_norm: float = 1.0
    """Largest norm of the gradient; 0 = no limit."""
    evaluate_every: int = 50
    """Updates between validations on the held-out queries."""
    patience: int = 0
    """Validations without a better nDCG before stopping early; 0 = never."""
    checkpoint_every: int = 50
    """Updates between checkpoints; at most this much work is ever lost."""
    seed: int = 0
    """Seed of batches, dropout and samples."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        counts = "updates", "batch", "evaluate_every", "checkpoint_every"
        check_ranges(
            self,
            **dict.fromkeys(counts, ">= 1"),
            **dict.fromkeys(("warmup", "weight_decay", "clip_norm"), ">= 0"),
            learning_rate="> 0",
            patience=">= 0",
        )


@dataclass(frozen=True)
class TrainSearchSettings:
    """Settings of `nutgraf train-search`."""

    index: str
    """Index folder that `nutgraf index` wrote. Needs no flag."""
    queries: str
    """jsonl file of queries: id, text."""
    qrels: str
    """jsonl file of judgements: query_id, doc_id, relevance."""
    out: str = "runs/search"
    """Run folder; an interrupted run in it is resumed."""
    objective: Objective = "rescore"
    """What is trained: contrastive = the bi-encoder of dense search; rescore = a small
    ranker over its frozen vectors; cross = a cross-encoder, which reads query and
    document together; rl = any of these, further, by RL on nDCG."""
    start: str = ""
    """Model folder to begin with: a BERT for contrastive and cross, a ranker to go on
    with for rescore, cross and rl; "" = minilm, or a new rescorer."""
    folds: int = 5
    """One query in so many is held out for validation; 0 = none."""
    candidates: int = 20
    """Documents of a query that a ranker sees: the first of hybrid search, of BM25 for
    an index without vectors."""
    negatives: int = 1
    """For contrastive: hard negatives per query, from the first documents of BM25."""
    temperature: float = 0.05
    """For contrastive: cosines are divided by it."""
    loss: Literal["listwise", "pointwise"] = "listwise"
    """For rescore and cross: compare the list, or judge each document alone."""
    rank: int = 16
    """For rescore: rank of the learned product of query and document."""
    max_length: int = 128
    """Longest text, or pair of query and document, in tokens; what is longer is cut."""
    dropout: float = 0.1
    """Share of activations dropped, in [0, 1); none in RL."""
    samples: int = 16
    """For rl: rankings that are drawn per query."""
    places: int = 10
    """For rl: places of a ranking that count, the k of nDCG@k."""
    reward: Literal["ndcg", "random"] = "ndcg"
    """For rl: nDCG, or random numbers, the control arm."""
    supervised_weight: float = 0.0
    """For rl: weight of the listwise loss that is mixed in."""
    training: LoopSettings = field(default_factory=LoopSettings)
    """The training."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges, and that RL has something to improve."""
        check_ranges(
            self,
            **dict.fromkeys(("candidates", "samples"), ">= 2"),
            **dict.fromkeys(("rank", "places"), ">= 1"),
            max_length=">= 5",
            **dict.fromkeys(("negatives", "supervised_weight"), ">= 0"),
            temperature="> 0",
            dropout="[0, 1)",
            max_minutes=">= 0",
        )
        check_folds(self)
        if self.objective == "rl" and not self.start:
            raise ConfigError(
                "start must name a trained ranker for rl. Received: nothing. Train one "
                "first with --objective rescore or cross, and give its folder `best`."
            )
