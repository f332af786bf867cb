"""The settings of `nutgraf reward-model` and `prefer`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nutgraf.errors import ConfigError
from nutgraf.ranges import check_folds, check_ranges
from nutgraf.rl.pair_settings import PairSettings

__all__ = ["PreferSettings", "RewardModelSettings"]


@dataclass(frozen=True)
class RewardModelSettings:
    """Settings of `nutgraf reward-model`."""

    pairs: str
    """jsonl file of pairs (prompt, chosen, rejected, perhaps margin), or of texts of
    systems that people have scored. Needs no flag."""
    start: str = "starter"
    """Model folder whose body is taken; "starter" for the one in the package."""
    out: str = "runs/reward-model"
    """Run folder; an interrupted run in it is resumed."""
    human: tuple[str, ...] = ()
    """For scored texts: dimensions whose mean decides; none = all."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """What to do with lines that cannot be used: show ten and stop, or leave them."""
    folds: int = 10
    """One prompt in so many is held out for validation; 0 = none."""
    texts: int = 16
    """Most texts of a prompt that are read together; a prompt with more is split."""
    max_source: int = 0
    """Longest prompt in tokens, what is longer is cut; 0 = as the start has it."""
    max_text: int = 0
    """Longest text in tokens, what is longer is cut; 0 = as the start has it."""
    margin_weight: float = 0.0
    """The better text should win by so much per point of the pair's margin."""
    centring_weight: float = 0.01
    """Weight of the penalty that holds rewards around 0."""
    dropout: float = 0.1
    """Share of activations dropped, in [0, 1)."""
    training: PairSettings = field(default_factory=PairSettings)
    """The training."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_folds(self)
        not_negative = "max_source", "max_text", "margin_weight", "centring_weight"
        check_ranges(
            self,
            texts=">= 2",
            dropout="[0, 1)",
            **dict.fromkeys((*not_negative, "max_minutes"), ">= 0"),
        )


@dataclass(frozen=True)
class PreferSettings:
    """Settings of `nutgraf prefer`."""

    pairs: str
    """jsonl file of pairs (prompt, chosen, rejected), or of texts of systems that
    people have scored. Needs no flag."""
    start: str = "starter"
    """Model folder to improve; "starter" for the one in the package."""
    out: str = "runs/prefer"
    """Run folder; an interrupted run in it is resumed."""
    human: tuple[str, ...] = ()
    """For scored texts: dimensions whose mean decides; none = all."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """What to do with lines that cannot be used: show ten and stop, or leave them."""
    folds: int = 10
    """One prompt in so many is held out for validation; 0 = none."""
    loss: Literal["dpo", "ipo"] = "dpo"
    """DPO, or IPO, which asks for a margin and no more."""
    beta: float = 0.1
    """How much the model is held to its start, > 0."""
    label_smoothing: float = 0.0
    """Share of the pairs taken to be the wrong way round, in [0, 0.5); DPO only."""
    training: PairSettings = field(default_factory=PairSettings)
    """The training."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_folds(self)
        check_ranges(self, beta="> 0", label_smoothing="[0, 0.5)", max_minutes=">= 0")
        if self.loss == "ipo" and self.label_smoothing:
            raise ConfigError(
                "label_smoothing must be 0 with IPO, whose target is a margin already. "
                f"Received: label_smoothing={self.label_smoothing}. Leave it out."
            )
