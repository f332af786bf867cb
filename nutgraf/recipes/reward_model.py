"""A reward model from preference pairs: a judge for what no metric measures.

The body of a policy gets a scalar head (`models/reward_model.py`); both learn that the
preferred text of a pair has the higher reward, -log sigmoid(chosen - rejected -
margin). Stiennon et al. 2020, arXiv 2009.01325, section 3.4; all pairs of a prompt in
one batch as in Ouyang et al. 2022, arXiv 2203.02155, section 3.5.

Differences from the papers:
1. The reward is read at all states of a text, not at its last token.
2. Small data: the weights with the highest held-out accuracy are kept, not the last.
3. Rewards are held around 0 by a penalty, not shifted at the end.

`rewards/learned.py` makes a reward of the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from nutgraf.backend import jit, to_numpy, value_and_grad
from nutgraf.data.pair_groups import group_pairs
from nutgraf.layers.dropout import Dropout
from nutgraf.models.reward_model import RewardModel, with_window
from nutgraf.objectives.reward_model import (
    centring_penalty,
    pair_accuracy,
    pairwise_loss,
)
from nutgraf.recipes.pair_run import run_pairs
from nutgraf.recipes.pair_settings import RewardModelSettings
from nutgraf.rl.numbers import averages
from nutgraf.rl.pair_arrays import PairArrays
from nutgraf.rl.pair_loop import PairLoop
from nutgraf.rl.pair_settings import PairSettings
from nutgraf.training.run_state import RunState

__all__ = ["RewardModelTraining", "pair_statistics", "train_reward_model"]

Array = Any


def pair_statistics(
    scores: Array, given: PairArrays, margin_weight: float, centring_weight: float
) -> dict[str, tuple[Array, Array]]:
    """Return loss, accuracy and margin of all pairs.

    Args:
        scores: (P, G) float32 rewards of the texts.
        given: the pairs; one that occurs twice counts twice.
        margin_weight: >= 0, reward units per unit of the margins.
        centring_weight: >= 0, of the centring penalty in the loss.

    Returns:
        "loss", "accuracy" (a tie is half right), "margin" (reward of the better text
        minus the other's) -> (sum, count) over pairs.
    """
    shape = given.wins.shape
    chosen = ops.reshape(ops.broadcast_to(scores[:, :, None], shape), (-1,))
    rejected = ops.reshape(ops.broadcast_to(scores[:, None, :], shape), (-1,))
    margins = margin_weight * ops.reshape(given.margins, (-1,))
    losses = pairwise_loss(chosen, rejected, margin=margins)
    losses = losses + centring_weight * centring_penalty(chosen, rejected)
    weights = ops.reshape(given.wins, (-1,))
    count = ops.sum(weights)
    return {
        name: (ops.sum(weights * values), count)
        for name, values in (
            ("loss", losses),
            ("accuracy", pair_accuracy(chosen, rejected)),
            ("margin", chosen - rejected),
        )
    }


class RewardModelTraining(PairLoop):
    """Trains a reward model on pairs; `fit_pairs` runs it.

    Args:
        model: the reward model; trained in place.
        training: the settings.
        margin_weight: >= 0, reward units per unit of the pairs' margins.
        centring_weight: >= 0, of the penalty that holds rewards around 0.
        dropout: in [0, 1), share of activations dropped.
        texts: most texts of a prompt that are read together.
        folder: run folder, see `PairLoop`; None keeps nothing on disk.

    Reference: Stiennon et al. 2020, arXiv 2009.01325, section 3.4; margin: Touvron et
    al. 2023, arXiv 2307.09288, eq. 2; centring: Eisenstein et al. 2023, arXiv
    2312.09244.
    """

    def __init__(
        self,
        model: RewardModel,
        training: PairSettings = PairSettings(),  # noqa: B008 - frozen
        *,
        margin_weight: float = 0.0,
        centring_weight: float = 0.01,
        dropout: float = 0.1,
        texts: int = 16,
        folder: str | Path | None = None,
    ) -> None:
        """Compile nothing yet."""
        path = None if folder is None else Path(folder)
        identity = {
            "margin_weight": margin_weight,
            "centring_weight": centring_weight,
            "dropout": dropout,
            "texts": texts,
        }
        group = partial(group_pairs, most=texts)
        super().__init__(model, training, group, path, identity)

        def statistics(
            values: list[Array], given: PairArrays, drop: Dropout | None
        ) -> dict[str, tuple[Array, Array]]:
            scores = model.scores(values, given.batch, given.actions, given.mask, drop)
            return pair_statistics(scores, given, margin_weight, centring_weight)

        def loss_of(
            values: list[Array], given: PairArrays, seed: Array
        ) -> tuple[Array, dict[str, Any]]:
            found = statistics(values, given, Dropout(dropout, seed))
            return found["loss"][0], found

        def gradients(values: list[Array], given: PairArrays, seed: Array) -> Any:
            (_, found), grads = value_and_grad(loss_of)(values, given, seed)
            return grads, found

        self._gradient = jit(gradients)
        self._judge = jit(lambda values, given: statistics(values, given, None))

    def learn(
        self, state: RunState, given: PairArrays
    ) -> tuple[RunState, dict[str, float]]:
        """See `PairLoop.learn`."""
        number = self.training.seed * 1_000_003 + state.position["step"]
        seed = np.int32(number & 0x7FFFFFFF)
        grads, found = self._gradient(state.values, given, seed)
        state, norm = self.descend(state, grads, float(given.wins.sum()))
        means = averages([to_numpy(found)])
        return state, {
            "loss/pairs": means["loss"],
            "pairs/accuracy": means["accuracy"],
            "pairs/margin": means["margin"],
            "train/gradient_norm": norm,
        }

    def judged(self, state: RunState, given: PairArrays) -> dict[str, Any]:
        """See `PairLoop.judged`."""
        found = to_numpy(self._judge(state.values, given))
        return {f"valid/{name}": pair for name, pair in found.items()}


def train_reward_model(
    settings: RewardModelSettings,
    report: Callable[[str], None] = lambda line: None,
    callbacks: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a reward model; the function behind `nutgraf reward-model`.

    Args:
        settings: the settings.
        report: called with each line a user should see.
        callbacks: Keras callbacks; an update is an epoch of one batch.

    Returns:
        See `run_pairs`.

    Raises:
        ConfigError: the folder holds a run of other settings or pairs.
        ModelError: the start is no model folder.
        DataError: the pairs cannot be read, or are too few.
    """

    def build(policy: Any, folder: Path) -> PairLoop:
        body = with_window(policy, settings.max_source, settings.max_text)
        return RewardModelTraining(
            RewardModel(body),
            settings.training,
            margin_weight=settings.margin_weight,
            centring_weight=settings.centring_weight,
            dropout=settings.dropout,
            texts=settings.texts,
            folder=folder,
        )

    return run_pairs(settings, build, report, callbacks)
