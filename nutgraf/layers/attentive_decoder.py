"""A recurrent decoder that looks at the source after each of its steps.

The first layer reads the action before and what was seen then; with its new state it
looks at the source by additive attention (Bahdanau et al. 2015, arXiv 1409.0473). Upper
layers read the layer below and what was seen, and add to what is below (Wu et al. 2016,
arXiv 1609.08144). Only the first layer's loop holds attention, so all other products of
a text are made for all steps at once.

The samples of a prompt are more queries on the same source: nothing of it is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from nutgraf.backend import scan
from nutgraf.layers.additive_attention import AdditiveAttention
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.precision import at_least_float32
from nutgraf.layers.recurrent import RecurrentCell, run_cells

__all__ = ["AttentiveDecoder", "Decoded", "Source"]

Array = Any
Layers = list[list[Array]]
"""The state of each layer."""


class Source(NamedTuple):
    """What the attention looks at.

    Attributes:
        keys: (B, S, D), of `AttentiveDecoder.keys`.
        states: (B, S, D).
        visible: (B, 1, S) bool, True = a source token.
    """

    keys: Array
    states: Array
    visible: Array


class Decoded(NamedTuple):
    """What there is after a step, for R texts, or after each of T steps, (R, T, ...).

    Attributes:
        output: (R, D) float32, of the top layer.
        seen: (R, D) float32, what the attention saw.
        attention: (R, S) float32, its weights.
    """

    output: Array
    seen: Array
    attention: Array


class _Look(NamedTuple):
    """Where the first layer stands; coverage (R, S) is None without it."""

    states: Sequence[Array]
    seen: Array
    attention: Array
    coverage: Array | None


class AttentiveDecoder(keras.layers.Layer):
    """Recurrent cells over each other, the first with attention.

    Args:
        kind: "lstm", "gru" or "rnn".
        width: D, size of inputs, states and source states.
        layers: >= 1, number of cells.
        coverage: whether the attention remembers where it looked.
    """

    def __init__(
        self, kind: str, width: int, layers: int, coverage: bool, **kwargs: Any
    ) -> None:
        """Create the cells and the attention."""
        super().__init__(**kwargs)
        settings = {"kind": kind, "width": width, "layers": layers}
        self.settings: dict[str, Any] = {**settings, "coverage": coverage}
        policy = self.dtype_policy
        self.cells = [
            RecurrentCell(kind, width, name=f"layer_{number}", dtype=policy)
            for number in range(layers)
        ]
        self.attention = AdditiveAttention(
            width, coverage, name="attention", dtype=policy
        )

    def build(self, input_shape: Any = None) -> None:
        """Create the weights."""
        for cell in self.cells:
            cell.build((None, None, 2 * self.settings["width"]))
        self.attention.build()
        self.built = True

    def keys(self, states: Array) -> Array:
        """Project the source's states, once for all steps and samples.

        Args:
            states: (B, S, D).

        Returns:
            (B, S, D).
        """
        return self.attention.keys(states)

    def start(self, first: Layers, samples: int, length: int) -> dict[str, Any]:
        """Return the state of G samples of each prompt before their first step.

        Args:
            first: each layer's state, (P, D) arrays.
            samples: G.
            length: S.

        Returns:
            Arrays with leading axis P · G: "states" of each layer, what was "seen", and
            with coverage "coverage".
        """
        # Keras narrows some float64 results, on JAX and PyTorch: all states are alike
        wide = "float64" if self.compute_dtype == "float64" else "float32"
        states = [
            [ops.cast(ops.repeat(x, samples, axis=0), wide) for x in layer]
            for layer in first
        ]
        nothing = ops.zeros_like(states[0][0])
        begin: dict[str, Any] = {"states": states, "seen": nothing}
        if self.settings["coverage"]:
            begin["coverage"] = ops.zeros((nothing.shape[0], length), wide)
        return begin

    def _weights(self) -> list[Array]:
        """What the loop of the first layer reads, but for the source."""
        late = self.cells[0].late_kernel(self.settings["width"])
        own = self.cells[0].recurrent_weights()
        return [late, *self.attention.weights_for_steps(), *own]

    def _look(
        self, weights: Sequence[Array], before: _Look, projected: Array, source: Source
    ) -> _Look:
        """First layer and attention, one step on; B sources of R = B · Q texts each."""
        late, *others = weights
        cut = 2 if before.coverage is None else 3
        seen = ops.matmul(ops.cast(before.seen, late.dtype), late)
        gates = projected + at_least_float32(seen)
        new = self.cells[0].step(others[cut:], gates, before.states)
        rows, length = source.keys.shape[:2]
        covered = before.coverage
        if covered is not None:
            covered = ops.reshape(covered, (rows, -1, length))
        query = ops.reshape(new[0], (rows, -1, new[0].shape[-1]))
        found, attention = self.attention.attend(others[:cut], query, *source, covered)
        attention = ops.reshape(attention, before.attention.shape)
        coverage = None if covered is None else before.coverage + attention
        return _Look(new, ops.reshape(found, before.seen.shape), attention, coverage)

    def read(
        self, source: Source, begin: dict[str, Any], x: Array, drop: Dropout
    ) -> Decoded:
        """Read whole texts (teacher forcing).

        Args:
            source: of P prompts.
            begin: of `start`.
            x: (P · G, T, D), the actions before.
            drop: the dropout of this pass.

        Returns:
            What there is after each step, (P · G, T, ...).
        """
        found = self._scan(source, begin, self.cells[0].project(x))
        y = found.states[0]
        for cell, state in zip(self.cells[1:], begin["states"][1:], strict=True):
            both = ops.concatenate([drop(y), found.seen], axis=-1)
            y = y + run_cells([cell], [cell.project(both)], [state])[0][0]
        return Decoded(y, found.seen, found.attention)

    def _scan(self, source: Source, begin: dict[str, Any], projected: Array) -> _Look:
        states = len(begin["states"][0])

        def look_of(flat: Sequence[Array]) -> _Look:
            seen, attention, *coverage = flat[states:]
            return _Look(flat[:states], seen, attention, *(coverage or [None]))

        def flat_of(look: _Look) -> list[Array]:
            flat = [*look.states, look.seen, look.attention]
            return flat if look.coverage is None else [*flat, look.coverage]

        def step(shared: Any, carry: Any, inputs: Any, fixed: Any) -> list[Array]:
            del fixed
            *weights, keys, values = shared
            look = Source(keys, values, source.visible)
            return flat_of(self._look(weights, look_of(carry), inputs[0], look))

        found = scan(
            step,
            [*self._weights(), source.keys, source.states],
            flat_of(_before(begin, begin["states"][0], source)),
            [ops.transpose(projected, (1, 0, 2))],
            [],
        )
        return look_of([ops.transpose(part, (1, 0, 2)) for part in found])

    def step(
        self, source: Source, before: dict[str, Any], x: Array
    ) -> tuple[Decoded, dict[str, Any]]:
        """Go on by one action.

        Args:
            source: of the B prompts of the texts, as many for each; or of each text.
            before: of `start` or of the step before, of N texts.
            x: (N, D), the actions before.

        Returns:
            What there is after the step, (N, ...), and the new state.
        """
        below, *upper = before["states"]
        look = _before(before, below, source)
        projected = self.cells[0].project(x)
        found = self._look(self._weights(), look, projected, source)
        y, states = found.states[0], [list(found.states)]
        for cell, state in zip(self.cells[1:], upper, strict=True):
            projected = cell.project(ops.concatenate([y, found.seen], axis=-1))
            new = cell.step(cell.recurrent_weights(), projected, state)
            y = y + new[0]
            states.append(new)
        after: dict[str, Any] = {"states": states, "seen": found.seen}
        if found.coverage is not None:
            after["coverage"] = found.coverage
        return Decoded(y, found.seen, found.attention), after

    def call(self, source: Source, begin: dict[str, Any], x: Array) -> Array:
        """Return the (P · G, T, D) outputs of whole texts."""
        return self.read(source, begin, x, Dropout(0.0, None)).output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self.settings}


def _before(state: dict[str, Any], own: Sequence[Array], source: Source) -> _Look:
    seen = state["seen"]
    shape = (seen.shape[0], source.keys.shape[1])
    return _Look(own, seen, ops.zeros(shape, seen.dtype), state.get("coverage"))
