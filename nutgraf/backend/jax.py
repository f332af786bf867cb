"""JAX: jitted functions, functional gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

__all__ = ["chunked", "compile", "describe", "linear"]
__all__ += ["make_deterministic", "scan", "to_numpy", "to_tensor", "value_and_grad"]


def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with XLA, once for each set of shapes."""
    return jax.jit(function)


def value_and_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """See `nutgraf.backend.value_and_grad`."""
    return jax.value_and_grad(function, has_aux=True)


def chunked(function: Callable[..., Any], shared: Any, rows: Any, numbers: Any) -> Any:
    """See `nutgraf.backend.chunked`."""
    again = jax.checkpoint(function)
    return jax.lax.map(lambda part: again(shared, *part), (rows, numbers))


def linear(
    function: Callable[[Any], Any], transpose: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """See `nutgraf.backend.linear`."""
    known = jax.custom_vjp(function)
    known.defvjp(lambda x: (function(x), None), lambda _, grad: (transpose(grad),))
    return known


def scan(
    step: Callable[..., Any], shared: Any, carry: Any, inputs: Any, fixed: Any
) -> Any:
    """See `nutgraf.backend.scan`."""
    again = jax.checkpoint(step, prevent_cse=False)

    def go_on(carry: Any, parts: Any) -> Any:
        found = again(shared, carry, *parts)
        return found, found

    return jax.lax.scan(go_on, carry, (inputs, fixed))[1]


def to_tensor(array: Any) -> Any:
    """Make a device array."""
    return jax.numpy.asarray(array)


def to_numpy(tensor: Any) -> Any:
    """Bring an array to the host; bfloat16 becomes float32."""
    if getattr(tensor, "dtype", None) == jax.numpy.bfloat16:
        tensor = tensor.astype("float32")
    return np.asarray(tensor)


def make_deterministic(threads: int | None) -> None:
    """JAX on CPU repeats bit for bit; the number of threads is set by the process."""


def describe() -> dict[str, Any]:
    """Return version and devices."""
    return {
        "jax": jax.__version__,
        "devices": [device.platform.upper() for device in jax.devices()],
    }
