"""nutgraf's policies for benchmarks: given weights, given lengths."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
from keras import ops
from workload import (
    EOS,
    lengths_of,
    model_config,
    shape_of,
    sources_of,
    text_of,
    weights_of,
    words,
)

from nutgraf.arrays import Batch
from nutgraf.backend import Compiled, assign, to_tensor
from nutgraf.models import build
from nutgraf.models.checkpoint import weight_names
from nutgraf.models.config import ModelConfig
from nutgraf.models.policy_state import texts_grid


class WordCodec:
    """Actions to words; the sources are arrays already."""

    def __init__(self, config: dict) -> None:
        self.max_source, self.max_target = config["max_source"], config["max_target"]
        self._words = words()

    def render(self, batch: Batch, actions: np.ndarray) -> list[str]:
        """See `nutgraf.models.codec.Codec.render`."""
        flat = np.asarray(actions).reshape(-1, actions.shape[-1])
        return [text_of(row, self._words) for row in flat]


def ending(kind: type) -> type:
    """Make a kind of policy whose samples end exactly when they are told to.

    The lengths of a prompt come with it, as its references' first tokens: (P, G).

    Args:
        kind: a policy class.

    Returns:
        The policy class.
    """

    class Ending(kind):
        """See `ending`."""

        def encode(self, batch: Batch, dropout: Any = None) -> Any:
            """Remember the lengths."""
            return {**super().encode(batch, dropout), "ends": batch.target_ids}

        def _due(self, memory: Any, state: Any, last: Any) -> Any:
            """Which of the texts that go on end with this action: (N,) bool."""
            grid = texts_grid(memory["ends"].shape[0], state, last)
            return grid.collect(memory["ends"][:, : grid.shape[1]]) == state.time + 1

        def step(self, memory: Any, state: Any, last: Any) -> tuple[Any, Any]:
            """Allow nothing but the end where it is due."""
            log_probs, after = super().step(memory, state, last)
            due = ops.reshape(self._due(memory, state, last), (*last.shape, 1))
            only = np.full(self.vocabulary_size, -1e9, "float32")
            only[EOS] = 0.0
            return ops.where(due, only, log_probs), after

        def draw(
            self, memory: Any, state: Any, last: Any, uniforms: Any
        ) -> tuple[Any, Any, Any]:
            """Draw the end where it is due."""
            found = super().draw(memory, state, last, uniforms)
            actions, log_probs, after = found
            due = self._due(memory, state, last)
            return ops.where(due, EOS, actions), ops.where(due, 0.0, log_probs), after

    return Ending


def policy_of(task: dict) -> Any:
    """Make the policy of a task, with the weights that the other side has too."""
    config = model_config(task)
    policy = build.policy_of(ModelConfig(**config), tokenizer=None)
    policy.codec = WordCodec(config)
    if config.get("architecture") == "decoder-only":
        return policy
    if task.get("lengths") == "real":
        policy = ending(type(policy))(policy.model, policy.codec)
    weights = weights_of(task)
    names = weight_names(policy.variables)
    assign(policy.variables, [weights[name] for name in names])
    return policy


def batch_of(task: dict, number: int) -> Batch:
    """Make the prompts of a round; a reference is the (P, G) lengths, see above."""
    shape = shape_of(task)
    source = sources_of(shape, number)
    ends = np.zeros((shape["prompts"], shape["length"]), np.int32)
    if task.get("lengths") == "real":
        ends[:, : shape["samples"]] = lengths_of(task, number)
    numbers = np.arange(shape["prompts"], dtype=np.int32)
    return Batch(numbers, source, np.ones(source.shape, bool), ends, ends > 0)


def values_of(policy: Any) -> list[Any]:
    """Return the weights as tensors."""
    return [to_tensor(np.asarray(variable)) for variable in policy.variables]


def compilations() -> int:
    """Return how often compiled functions that are alive were compiled."""
    alive = [one for one in gc.get_objects() if isinstance(one, Compiled)]
    return sum(one.compilations for one in alive)
