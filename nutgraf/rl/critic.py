"""Critics: what a policy's text is expected to earn, before each action.

A shared critic is a head on the policy's own states: cheap, and its gradient shapes the
policy too. A separate one has a copy of the policy's first weights to itself. Either is
arrays beside the policy's weights, in one list with them.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nutgraf.backend import to_numpy, with_values
from nutgraf.models.checkpoint import weight_names
from nutgraf.models.heads import read_head, scalar_head, state_width
from nutgraf.rl.algorithm import Experience

__all__ = ["Critic"]

Array = Any


class Critic:
    """The critic of a policy.

    Args:
        policy: the policy; a separate critic starts from its weights now.
        kind: "shared" or "separate".

    Attributes:
        start: name -> array, its weights at the start.
    """

    def __init__(self, policy: Any, kind: Literal["shared", "separate"]) -> None:
        """Make the weights; compile nothing."""
        self.policy = policy
        self.start: dict[str, np.ndarray] = {}
        if kind == "separate":
            names = weight_names(policy.variables)
            body = to_numpy([variable.value for variable in policy.variables])
            named = zip(names, body, strict=True)
            self.start = {f"critic/{name}": value for name, value in named}
        head = scalar_head(state_width(policy))
        self.start |= {f"critic_head/{name}": head[name] for name in head}

    def values(self, weights: list[Array], hidden: Array, given: Experience) -> Array:
        """Return what the texts are expected to earn.

        Args:
            weights: in the order of `start`.
            hidden: (P, G, T, D), the policy's own states.
            given: the prompts and actions.

        Returns:
            (P, G, T) float32; value t has read the actions before t.
        """
        *body, kernel, bias = weights
        if body:
            with with_values(self.policy.variables, body):
                memory = self.policy.encode(given.batch)
                hidden = self.policy.hidden(
                    memory, given.actions, packing=given.packing
                )
        return read_head({"kernel": kernel, "bias": bias}, hidden)
