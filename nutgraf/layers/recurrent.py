"""Recurrent cells: LSTM, GRU and the plain one, run through whole sequences.

    lstm  c' = f · c + i · tanh(g),  h' = o · tanh(c')  with gates i, f, g, o
    gru   h' = z · h + (1 - z) · tanh(x + r · (U h + b))  with gates z, r
    rnn   h' = tanh(x + U h)

All gates of all steps are one product outside the loop; inside it is the product with
the state alone. The weights are those of `keras.layers.LSTM`, `GRU` (with
`reset_after`) and `SimpleRNN`, and so are the numbers.

Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, arXiv
1406.1078; Elman 1990. A forget gate begins at a bias of 1 (Jozefowicz et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from nutgraf.backend import scan
from nutgraf.layers.precision import at_least_float32

__all__ = ["CELLS", "Bidirectional", "RecurrentCell", "run_cells"]

Array = Any


class _Kind(NamedTuple):
    """What distinguishes the cells.

    Attributes:
        gates: blocks of the kernels.
        states: arrays of the state; the first is the output.
        step: `(recurrent weights, projected, state) -> state`.
    """

    gates: int
    states: int
    step: Callable[[Sequence[Array], Array, Sequence[Array]], list[Array]]


def _product(state: Array, kernel: Array) -> Array:
    return at_least_float32(ops.matmul(ops.cast(state, kernel.dtype), kernel))


def _lstm(
    weights: Sequence[Array], projected: Array, state: Sequence[Array]
) -> list[Array]:
    hidden, cell = state
    gates = projected + _product(hidden, weights[0])
    opens, keeps, new, shows = ops.split(gates, 4, axis=-1)
    cell = ops.sigmoid(keeps) * cell + ops.sigmoid(opens) * ops.tanh(new)
    return [ops.sigmoid(shows) * ops.tanh(cell), cell]


def _gru(
    weights: Sequence[Array], projected: Array, state: Sequence[Array]
) -> list[Array]:
    kernel, bias = weights
    keep, reset, new = ops.split(projected, 3, axis=-1)
    own = ops.split(_product(state[0], kernel) + bias, 3, axis=-1)
    keep = ops.sigmoid(keep + own[0])
    new = ops.tanh(new + ops.sigmoid(reset + own[1]) * own[2])
    return [keep * state[0] + (1.0 - keep) * new]


def _rnn(
    weights: Sequence[Array], projected: Array, state: Sequence[Array]
) -> list[Array]:
    return [ops.tanh(projected + _product(state[0], weights[0]))]


CELLS = {"lstm": _Kind(4, 2, _lstm), "gru": _Kind(3, 1, _gru), "rnn": _Kind(1, 1, _rnn)}
"""The cells by name."""


class RecurrentCell(keras.layers.Layer):
    """One recurrent cell.

    States and gates are float32 in half precision too; products follow the dtype
    policy. Masks are explicit arguments; Keras' implicit masks are ignored.

    Args:
        kind: "lstm", "gru" or "rnn".
        units: U >= 1, size of the state.
    """

    def __init__(self, kind: str, units: int, **kwargs: Any) -> None:
        """Keep the settings."""
        super().__init__(**kwargs)
        if kind not in CELLS:
            raise ValueError(
                f"kind must be one of {', '.join(CELLS)}. Received: kind={kind!r}. "
                "The plain cell is called rnn."
            )
        self.kind = kind
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Create the weights, named and shaped as Keras does."""
        units, gates = self.units, CELLS[self.kind].gates
        size = gates * units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], size), initializer="glorot_uniform"
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(units, size), initializer="orthogonal"
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(2, size) if self.kind == "gru" else (size,),
            initializer=self._first_bias if self.kind == "lstm" else "zeros",
        )
        self.built = True

    def _first_bias(self, shape: Any, dtype: Any = None) -> Array:
        """Zeros, but ones for the forget gate."""
        parts = [ops.zeros((self.units,), dtype) for _ in range(4)]
        parts[1] = ops.ones((self.units,), dtype)
        return ops.reshape(ops.concatenate(parts), shape)

    def _value(self, variable: Any) -> Array:
        return ops.cast(ops.convert_to_tensor(variable), self.compute_dtype)

    def project(self, x: Array) -> Array:
        """Compute the gates' part of the inputs, for all steps at once.

        Args:
            x: (..., K), the inputs, or their first K numbers: what the others add is
                their product with `late_kernel(K)`.

        Returns:
            (..., gates · U) float32.
        """
        kernel = self._value(self.kernel)[: x.shape[-1]]
        bias = at_least_float32(ops.convert_to_tensor(self.bias))
        product = at_least_float32(ops.matmul(ops.cast(x, kernel.dtype), kernel))
        return product + (bias[0] if self.kind == "gru" else bias)

    def late_kernel(self, first: int) -> Array:
        """Return the kernel of the inputs that are known only step by step.

        Args:
            first: K, how many numbers of the inputs `project` is given.

        Returns:
            (inputs - K, gates · U).
        """
        return self._value(self.kernel)[first:]

    def recurrent_weights(self) -> list[Array]:
        """Return what a step reads: the recurrent kernel, and a GRU's bias."""
        weights = [self._value(self.recurrent_kernel)]
        if self.kind == "gru":
            weights.append(at_least_float32(ops.convert_to_tensor(self.bias))[1])
        return weights

    def step(
        self, weights: Sequence[Array], projected: Array, state: Sequence[Array]
    ) -> list[Array]:
        """Go on by one step; a pure function of its arguments.

        Args:
            weights: of `recurrent_weights`.
            projected: (B, gates · U), of `project`.
            state: of the step before: arrays (B, U), the output first.

        Returns:
            The new state.
        """
        return CELLS[self.kind].step(weights, projected, state)

    def begin(self, rows: int, dtype: Any) -> list[Array]:
        """Return the state before the first step.

        Args:
            rows: B.
            dtype: of the states.

        Returns:
            Zeros (B, U): one array, for an LSTM two.
        """
        zeros = ops.zeros((rows, self.units), dtype=dtype)
        return [zeros] * CELLS[self.kind].states

    def call(self, x: Array, visible: Array | None = None) -> Array:
        """Return (B, L, U) outputs of (B, L, K) inputs, of which (B, L) count."""
        masks = None if visible is None else [visible]
        projected = self.project(x)
        start = self.begin(projected.shape[0], projected.dtype)
        return run_cells([self], [projected], [start], masks)[0][0]

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        """Return the input's shape with U as its last axis."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "kind": self.kind, "units": self.units}


def run_cells(
    cells: Sequence[RecurrentCell],
    projected: Sequence[Array],
    starts: Sequence[Sequence[Array]],
    masks: Sequence[Array] | None = None,
) -> list[list[Array]]:
    """Run cells of one kind through a sequence each, all in the same loop.

    Args:
        cells: the cells.
        projected: (B, L, gates · U) for each, of `RecurrentCell.project`.
        starts: the state of each before the first step.
        masks: (B, L) bool for each, True = this step counts: at others a state stays as
            it is. None = all count.

    Returns:
        For each cell the state after each step: arrays (B, L, U), the output first.
    """
    own = [cell.recurrent_weights() for cell in cells]

    def parts(flat: Sequence[Array]) -> list[list[Array]]:
        size = len(flat) // len(cells)
        return [list(flat[i : i + size]) for i in range(0, len(flat), size)]

    def step(shared: Any, carry: Any, inputs: Any, fixed: Any) -> list[Array]:
        after = []
        states = parts(carry)
        for number, weights in enumerate(parts(shared)):
            state = cells[number].step(weights, inputs[number], states[number])
            if masks is not None:
                pairs = zip(state, states[number], strict=True)
                state = [ops.where(fixed[number], new, old) for new, old in pairs]
            after += state
        return after

    found = scan(
        step,
        [weight for weights in own for weight in weights],
        [part for start in starts for part in start],
        [_steps_first(x) for x in projected],
        [_steps_first(mask[..., None]) for mask in masks or []],
    )
    return parts([_steps_first(states) for states in found])


def _steps_first(x: Array) -> Array:
    """(B, L, N) -> (L, B, N), and back."""
    return ops.transpose(x, (1, 0, 2))


class Bidirectional(keras.layers.Layer):
    """Two cells, one of which reads the sequence from its end.

    Args:
        kind: "lstm", "gru" or "rnn".
        width: D, size of the outputs; half of it for each direction, so it is even.

    Reference: Schuster and Paliwal 1997, "Bidirectional Recurrent Neural Networks".
    """

    def __init__(self, kind: str, width: int, **kwargs: Any) -> None:
        """Create the two cells."""
        super().__init__(**kwargs)
        self.kind = kind
        self.width = width
        self.ahead, self.back = (
            RecurrentCell(kind, width // 2, name=name, dtype=self.dtype_policy)
            for name in ("forward", "backward")
        )

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        for cell in (self.ahead, self.back):
            cell.build(input_shape)
        self.built = True

    def call(self, x: Array, visible: Array) -> tuple[Array, list[Array]]:
        """Read sequences in both directions.

        Args:
            x: (B, L, K).
            visible: (B, L) bool, True = this step counts.

        Returns:
            Outputs (B, L, D), forward and backward side by side, and the state of each
            direction when it is done, side by side too: arrays (B, D).
        """
        cells = self.ahead, self.back
        projected = [cells[0].project(x), ops.flip(cells[1].project(x), axis=1)]
        start = cells[0].begin(projected[0].shape[0], projected[0].dtype)
        masks = [visible, ops.flip(visible, axis=1)]
        ahead, back = run_cells(cells, projected, [start, start], masks)
        both = ops.concatenate([ahead[0], ops.flip(back[0], axis=1)], axis=-1)
        ends = [
            ops.concatenate([one[:, -1], other[:, -1]], axis=-1)
            for one, other in zip(ahead, back, strict=True)
        ]
        return both, ends

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        """Return the shape of the outputs and those of the last states."""
        end = (input_shape[0], self.width)
        return (*input_shape[:-1], self.width), [end] * CELLS[self.kind].states

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "kind": self.kind, "width": self.width}
