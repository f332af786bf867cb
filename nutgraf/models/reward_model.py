"""A reward model: the body of a policy with a scalar head, which judges texts.

The reward of a text is the mean of the head over the states from which its actions are
drawn, the end action among them. State t has read the prompt and the text before
action t, so every place of a text has a say, and the gradient reaches every state. The
state at the end alone, as in models that were trained to read, says little in a policy:
it was trained to tell whether the text ends there, and a text that was cut at the
limit has no such state (`benchmarks/reward_model.py` compares the two).

Reference: Stiennon et al. 2020, "Learning to summarize from human feedback", section
3.4, arXiv 2009.01325.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
from keras import ops

from nutgraf.arrays import Batch
from nutgraf.backend import assign, to_numpy, with_values
from nutgraf.errors import ConfigError, ModelError
from nutgraf.layers.dropout import Dropout
from nutgraf.models.build import policy_of
from nutgraf.models.checkpoint import (
    REWARD_MODEL,
    WEIGHTS,
    bare_policy,
    load_weights,
    read_config,
)
from nutgraf.models.heads import read_head, scalar_head, state_width

__all__ = ["RewardModel", "load_reward_model", "with_window"]

Array = Any


class RewardModel:
    """A policy's body with a head that gives each text a number.

    It has what a loop needs of a policy: variables, model and codec. A new one gives 0
    for every text.

    Args:
        policy: the body; its weights are shared, not copied.

    Attributes:
        policy: the body.
        model: the Keras model of the body.
        codec: its codec.
        variables: the Keras variables of the body, then those of the head.
    """

    kind = REWARD_MODEL

    def __init__(self, policy: Any) -> None:
        """Add the head."""
        self.policy = policy
        self.model = policy.model
        self.codec = policy.codec
        head = scalar_head(state_width(policy))
        with keras.name_scope("reward_model"):
            self._head = [
                keras.Variable(array, name=f"head_{name}")
                for name, array in head.items()
            ]

    @property
    def variables(self) -> list[Any]:
        """The Keras variables of the body, then the kernel and bias of the head."""
        return [*self.policy.variables, *self._head]

    def scores(
        self,
        values: list[Array],
        batch: Batch,
        actions: Array,
        mask: Array,
        dropout: Dropout | None = None,
    ) -> Array:
        """Judge texts.

        Args:
            values: the weights, in the order of `variables`.
            batch: P prompts; its targets are not read.
            actions: (P, G, T) int32, of `nutgraf.models.texts.actions_of`.
            mask: (P, G, T) bool.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            (P, G) float32 rewards, any number; 0 for a text without actions.
        """
        *body, kernel, bias = values
        with with_values(self.policy.variables, body):
            memory = self.policy.encode(batch, dropout)
            hidden = self.policy.hidden(memory, actions, dropout)
        said = read_head({"kernel": kernel, "bias": bias}, hidden)  # (P, G, T)
        counts = ops.sum(ops.cast(mask, said.dtype), axis=-1)
        total = ops.sum(ops.where(mask, said, 0.0), axis=-1)
        return total / ops.maximum(counts, 1.0)


def with_window(policy: Any, max_source: int = 0, max_target: int = 0) -> Any:
    """Let a policy read longer or shorter prompts and texts.

    Where positions are computed, not learned, the weights fit; to make good use of
    places that are new to it, a model must be trained on them.

    Args:
        policy: the policy.
        max_source: longest source in tokens; 0 = as it is.
        max_target: longest text in actions; 0 = as it is.

    Returns:
        A policy of its own with the same weights; the policy itself where nothing
        changes.

    Raises:
        ConfigError: a length is negative, or positions are learned: there is a weight
            for each.
    """
    config = policy.model.config
    changed = dataclasses.replace(
        config,
        max_source=max_source or config.max_source,
        max_target=max_target or config.max_target,
    )
    if changed == config:
        return policy
    wider = policy_of(changed, policy.codec.tokenizer, policy.codec.source_step)
    shapes = [[one.shape for one in each.variables] for each in (policy, wider)]
    if shapes[0] != shapes[1]:
        raise ConfigError(
            f"A model with learned positions must keep its own limits, max_source="
            f"{config.max_source} and max_text={config.max_target}. Received: "
            f"max_source={changed.max_source}, max_text={changed.max_target}. Leave "
            "them out, or start from a model whose positions are computed."
        )
    assign(wider.variables, to_numpy([one.value for one in policy.variables]))
    return wider


def load_reward_model(folder: str | Path) -> RewardModel:
    """Load the folder of a reward model.

    Args:
        folder: the model folder.

    Returns:
        The reward model, its weights float32.

    Raises:
        ModelError: something is missing, torn or of another kind; says what.
    """
    kind, config = read_config(Path(folder))
    if kind != REWARD_MODEL:
        raise ModelError(
            f"A reward model is needed. Received: {folder}, a model of the kind "
            f"{kind!r}. Train one with `nutgraf reward-model`, and give its folder "
            "`best`."
        )
    model = RewardModel(bare_policy(Path(folder), config))
    assign(model.variables, load_weights(Path(folder) / WEIGHTS, model.variables))
    return model
