"""The `Policy` protocol, through which all sampling and all RL sees a model.

Every method is pure in the values of `variables` (see `backend.with_values`): the KL
reference or a lagged copy is the same policy under other values.
"""

from __future__ import annotations

from typing import Any, Protocol

from nutgraf.arrays import Batch, Processors, Scored
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import Packing
from nutgraf.models.codec import Codec

__all__ = ["Policy"]

Array = Any
Memory = Any
State = Any


class Policy(Protocol):
    """A distribution over texts, one action at a time.

    Attributes:
        variables: the trainable Keras variables.
        vocabulary_size: V.
        codec: rows to arrays and back.
    """

    codec: Codec
    vocabulary_size: int

    @property
    def variables(self) -> list[Any]:
        """Return the trainable Keras variables."""

    def encode(self, batch: Batch, dropout: Dropout | None = None) -> Memory:
        """Read the prompts once.

        Args:
            batch: P prompts.
            dropout: the dropout of this pass; None drops nothing.

        Returns:
            The memory: a tree of arrays with leading axis P.
        """

    def init(self, memory: Memory, samples: int, length: int) -> State:
        """Return the state before the first action.

        Args:
            memory: of `encode`.
            samples: G, texts per prompt.
            length: T, the longest text.

        Returns:
            The state of P·G texts.
        """

    def step(self, memory: Memory, state: State, last: Array) -> tuple[Array, State]:
        """Go on by one action.

        Args:
            memory: of `encode`.
            state: of `init`, of `select` or of the step before.
            last: (P, G) int32, the last actions, `BOS` at first; (N,) of selected
                texts.

        Returns:
            (P, G, V) or (N, V) float32 log-probs of the next action, and the new state.
        """

    def draw(
        self, memory: Memory, state: State, last: Array, uniforms: Array
    ) -> tuple[Array, Array, State]:
        """Go on by one action, drawn from the policy itself: `step` and a draw in one.

        Args:
            memory: of `encode`.
            state: of `init`, of `select` or of the step before.
            last: (N,) int32, the last actions of N texts; `BOS` at first.
            uniforms: (N,) float32 in (0, 1), what the draw is a function of.

        Returns:
            (N,) int32 actions, their (N,) float32 log-probs, and the new state.
        """

    def select(self, state: State, packing: Packing) -> State:
        """Go on with some of the texts only.

        Args:
            state: of `step`.
            packing: N texts of the P·G, no filler among them; if some were selected
                before, these are among them.

        Returns:
            The state of N texts.
        """

    def reorder(self, state: State, parents: Array) -> State:
        """Let samples go on from other samples of their prompt.

        Args:
            state: of `step`.
            parents: (P, G) int32; sample g of prompt p goes on from parents[p, g].

        Returns:
            The state in the new order.
        """

    def hidden(
        self,
        memory: Memory,
        actions: Array,
        dropout: Dropout | None = None,
        packing: Packing | None = None,
    ) -> Array:
        """Return the states from which given actions are drawn (teacher forcing).

        Args:
            memory: of `encode`.
            actions: (P, G, T) int32.
            dropout: the dropout of this pass; None drops nothing.
            packing: the actions that count, of the P·G·T, with all before them in
                their text; the states of the others may be anything. None = all.

        Returns:
            (P, G, T, D or more); state t has read the actions before t. What follows
            its first D numbers is for `score` alone.
        """

    def score(
        self,
        memory: Memory,
        hidden: Array,
        actions: Array,
        processors: Processors,
        want: frozenset[str] = frozenset(),
        support: Array | None = None,
        packing: Packing | None = None,
    ) -> Scored:
        """Return log-probs of actions, and on request more.

        Args:
            memory: of `encode`.
            hidden: (P, G, T, D), of `hidden`.
            actions: (P, G, T) int32.
            processors: as in sampling.
            want: any of "entropy" (whole distributions are made then),
                "mean_log_probs" (plain processors only).
            support: the rollout's, when it was filtered.
            packing: the actions that count; the scores of the others may be anything
                finite. None = all.

        Returns:
            The scores, (P, G, T) float32 each.
        """
