"""PyTorch: operations run one by one, gradients by autograd."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

__all__ = ["chunked", "compile", "describe", "linear"]
__all__ += ["make_deterministic", "scan", "to_numpy", "to_tensor", "value_and_grad"]


def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run eagerly and without recording gradients, but for those asked for inside."""

    @functools.wraps(function)
    def without_recording(*args: Any) -> Any:
        with torch.no_grad():
            return function(*args)

    return without_recording


def value_and_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """See `nutgraf.backend.value_and_grad`."""

    def with_grad(values: list[Any], *args: Any) -> Any:
        with torch.enable_grad():
            leaves = [value.detach().requires_grad_(True) for value in values]
            loss, aux = function(leaves, *args)
            grads = [None] * len(leaves)
            if loss.requires_grad:
                grads = torch.autograd.grad(loss, leaves, allow_unused=True)
        filled = [
            torch.zeros_like(leaf) if grad is None else grad
            for leaf, grad in zip(leaves, grads, strict=True)
        ]
        return (loss.detach(), aux), filled

    return with_grad


class _Linear(torch.autograd.Function):
    """A linear function that knows its transpose."""

    @staticmethod
    def forward(ctx: Any, x: Any, function: Any, transpose: Any) -> Any:
        ctx.transpose = transpose
        return function(x)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ctx.transpose(grad), None, None


def chunked(function: Callable[..., Any], shared: Any, rows: Any, numbers: Any) -> Any:
    """See `nutgraf.backend.chunked`."""
    parts = zip(rows, numbers, strict=True)
    return torch.stack(
        [checkpoint(function, shared, *part, use_reentrant=False) for part in parts]
    )


def linear(
    function: Callable[[Any], Any], transpose: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """See `nutgraf.backend.linear`."""
    return lambda x: _Linear.apply(x, function, transpose)


def scan(
    step: Callable[..., Any], shared: Any, carry: Any, inputs: Any, fixed: Any
) -> Any:
    """See `nutgraf.backend.scan`."""
    kept = []
    count = len(inputs)
    for parts in zip(*(one.unbind() for one in (*inputs, *fixed)), strict=True):
        both = list(parts[:count]), list(parts[count:])
        carry = checkpoint(step, shared, carry, *both, use_reentrant=False)
        kept.append(carry)
    return [torch.stack(parts) for parts in zip(*kept, strict=True)]


def to_tensor(array: Any) -> Any:
    """Make a tensor on the default device."""
    if isinstance(array, torch.Tensor):
        return array
    return torch.as_tensor(array, device=_device())


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def to_numpy(tensor: Any) -> Any:
    """Bring a tensor to the host as a copy; bfloat16 becomes float32."""
    if not isinstance(tensor, torch.Tensor):
        return tensor
    tensor = tensor.detach().cpu()
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return tensor.numpy().copy()  # or it would change with the variable it came from


def make_deterministic(threads: int | None) -> None:
    """Use deterministic operations and a fixed number of threads."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    if threads is not None:
        torch.set_num_threads(threads)


def describe() -> dict[str, Any]:
    """Return version and devices."""
    return {"torch": torch.__version__, "devices": [_device().upper()]}
