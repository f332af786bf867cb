"""The only place where nutgraf meets a framework: TensorFlow, JAX or PyTorch.

The rest of the library is written in `keras.ops` and these few functions; which
framework runs is Keras' choice (`KERAS_BACKEND`, TensorFlow by default).
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import tree

from nutgraf import __version__

__all__ = ["assign", "chunked", "describe", "jit", "linear"]
__all__ += [
    "make_deterministic",
    "name",
    "scan",
    "to_numpy",
    "to_tensor",
    "value_and_grad",
    "with_values",
]

Array = Any

name: str = keras.backend.backend()
_engine = importlib.import_module(f"nutgraf.backend.{name}")


class Compiled:
    """A function compiled for each new set of input shapes.

    Attributes:
        compilations: how often it was traced; it stands still in steady state. Stays 0
            on PyTorch, which runs the operations one by one.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Wrap `function`, whose arguments are trees of arrays."""
        self.compilations = 0

        def counted(*args: Any) -> Any:
            self.compilations += 1
            return function(*args)

        self._call = _engine.compile(function if name == "torch" else counted)

    def __call__(self, *args: Any) -> Any:
        """Run on trees of arrays; numpy leaves are moved to the device."""
        return self._call(*tree.map_structure(to_tensor, args))


def jit(function: Callable[..., Any]) -> Compiled:
    """Compile a pure function of arrays.

    Args:
        function: takes and returns trees of arrays; no Python number may be passed,
            static settings are bound beforehand (closure).

    Returns:
        The compiled function.

    Example:
        >>> double = jit(lambda x: x * 2)
        >>> to_numpy(double(np.ones(2, "float32"))).tolist()
        [2.0, 2.0]
    """
    return Compiled(function)


def value_and_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives a loss, its extras and the gradient.

    Args:
        function: `(values, *args) -> (loss, aux)` with a scalar loss.

    Returns:
        `(values, *args) -> ((loss, aux), gradients)`; one gradient per value, zeros for
        a value that the loss does not depend on.
    """
    return _engine.value_and_grad(function)


@contextlib.contextmanager
def with_values(variables: Sequence[Any], values: Sequence[Array]) -> Iterator[None]:
    """Let Keras variables stand for given arrays while the block runs.

    So every method of a model is a pure function of its values: the KL reference, a
    lagged copy or a running average are other values of the same model.

    Args:
        variables: Keras variables.
        values: one array for each, of the same shape.

    Raises:
        ValueError: the counts differ.
    """
    pairs = list(zip(variables, values, strict=True))
    with keras.StatelessScope(state_mapping=pairs):
        yield


def assign(variables: Sequence[Any], values: Sequence[Array]) -> None:
    """Put values into Keras variables for good.

    Args:
        variables: Keras variables.
        values: one array for each, of the same shape.

    Raises:
        ValueError: the counts differ.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def chunked(
    function: Callable[..., Array], shared: Array, rows: Array, numbers: Array
) -> Array:
    """Apply a function chunk by chunk, one after the other, forward and backward.

    Only one chunk's intermediate results exist at a time: the backward pass computes
    them again.

    Args:
        function: `(shared, rows (C, ...), numbers (C, ...)) -> (C, ...)` float32, or
            float64 for such rows; it captures nothing that needs a gradient.
        shared: what all chunks read; gradients flow to it.
        rows: (K, C, ...) float, K chunks; gradients flow to them.
        numbers: (K, C, ...) without a gradient.

    Returns:
        (K, C, ...), the results in order.
    """
    return _engine.chunked(function, shared, rows, numbers)


def scan(
    step: Callable[..., list[Array]],
    shared: list[Array],
    carry: list[Array],
    inputs: list[Array],
    fixed: list[Array],
) -> list[Array]:
    """Go through a sequence step by step: one loop in the compiled program.

    Of each step only the carry is kept for the gradient: the backward pass computes the
    rest again. The gradients of half-precision `shared` arrays add up in float32.

    Args:
        step: `(shared, carry, inputs, fixed) -> carry` after one step, of the shapes
            before it; cast to the dtypes before it. It captures nothing that needs a
            gradient.
        shared: float arrays that all steps read; gradients flow to them.
        carry: float arrays before the first step; gradients flow to them.
        inputs: (L, ...) float arrays, of which step t gets the t-th part; gradients
            flow to them.
        fixed: (L, ...) arrays without a gradient, of which step t gets the t-th part.

    Returns:
        The carry after each step, (L, ...) each.

    Example:
        >>> from keras import ops
        >>> def add(shared, carry, inputs, fixed):
        ...     return [carry[0] + inputs[0]]
        >>> to_numpy(scan(add, [], [ops.zeros(())], [ops.ones(3)], [])[0]).tolist()
        [1.0, 2.0, 3.0]
    """
    kinds = [keras.backend.standardize_dtype(array.dtype) for array in shared]
    half = [kind in ("bfloat16", "float16") for kind in kinds]

    def narrowed(shared: list[Array], *parts: list[Array]) -> list[Array]:
        arrays = zip(shared, kinds, half, strict=True)
        read = [keras.ops.cast(x, k) if h else x for x, k, h in arrays]
        found = step(read, *parts)
        return [
            keras.ops.cast(x, before.dtype)
            for x, before in zip(found, parts[0], strict=True)
        ]

    wide = [
        keras.ops.cast(array, "float32") if is_half else array
        for array, is_half in zip(shared, half, strict=True)
    ]
    return _engine.scan(narrowed, wide, carry, inputs, fixed)


def linear(
    function: Callable[[Array], Array], transpose: Callable[[Array], Array]
) -> Callable[[Array], Array]:
    """Give a linear function its gradient.

    Args:
        function: a linear function of one array.
        transpose: its transpose, which takes the gradient of the output to that of the
            input.

    Returns:
        The function; its gradient is what `transpose` says.
    """
    return _engine.linear(function, transpose)


def to_tensor(array: Any) -> Array:
    """Move an array to the device.

    Args:
        array: a numpy array or number; None and tensors are left alone.

    Returns:
        The tensor, or None.
    """
    return array if array is None else _engine.to_tensor(array)


def to_numpy(tree_of_arrays: Any) -> Any:
    """Bring arrays to the host.

    Args:
        tree_of_arrays: tensors in lists, tuples and dicts; bfloat16 becomes float32.

    Returns:
        The same tree of numpy arrays; None stays None.
    """
    return tree.map_structure(
        lambda leaf: None if leaf is None else np.asarray(_engine.to_numpy(leaf)),
        tree_of_arrays,
    )


def make_deterministic(threads: int | None = None) -> None:
    """Make runs repeat bit for bit on this machine: fixed operations and threads.

    Args:
        threads: number of threads for one operation; None leaves the default.
    """
    _engine.make_deterministic(threads)


def describe() -> dict[str, Any]:
    """Return versions, backend and devices, for `nutgraf doctor` and run folders."""
    versions = {"nutgraf": __version__, "backend": name, "keras": keras.__version__}
    return {**versions, **_engine.describe()}
