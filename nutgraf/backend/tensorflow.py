"""TensorFlow: XLA-compiled functions, gradients by tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# TensorFlow takes several of our functions for one that is traced again and again, for
# they share a wrapper; `Compiled.compilations` counts what is really compiled.
tf.get_logger().addFilter(lambda record: "tf.function retracing" not in str(record.msg))

__all__ = ["checkpointed", "chunked", "compile", "describe", "linear"]
__all__ += ["make_deterministic", "to_numpy", "to_tensor", "value_and_grad"]


def compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with XLA, once for each set of shapes."""
    return tf.function(function, jit_compile=True, autograph=False)


def value_and_grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """See `nutgraf.backend.value_and_grad`."""

    def with_grad(values: list[Any], *args: Any) -> Any:
        values = [tf.convert_to_tensor(value) for value in values]
        with tf.GradientTape() as tape:
            tape.watch(values)
            loss, aux = function(values, *args)
        grads = tape.gradient(
            loss, values, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        grads = [tf.convert_to_tensor(grad) for grad in grads]  # IndexedSlices
        return (loss, aux), grads

    return with_grad


def checkpointed(function: Callable[..., Any]) -> Callable[..., Any]:
    """See `nutgraf.backend.checkpointed`."""
    return tf.recompute_grad(function)


def chunked(function: Callable[..., Any], shared: Any, rows: Any, numbers: Any) -> Any:
    """See `nutgraf.backend.chunked`."""
    count = rows.shape[0]

    def goes_on(step: Any, *_: Any) -> Any:
        return step < count

    def run(shared: Any, rows: Any) -> Any:
        def forward(step: Any, done: Any) -> Any:
            found = function(shared, rows[step], numbers[step])
            return step + 1, done.write(step, found)

        wide = tf.float64 if rows.dtype == tf.float64 else tf.float32
        done = tf.TensorArray(wide, size=count)
        out = tf.while_loop(goes_on, forward, (0, done))[1].stack()

        def backward(grad: Any) -> Any:
            def add(step: Any, total: Any, done: Any) -> Any:
                part = rows[step]
                with tf.GradientTape() as tape:
                    tape.watch([shared, part])
                    found = function(shared, part, numbers[step])
                both = tape.gradient(found, [shared, part], grad[step])
                return step + 1, total + both[0], done.write(step, both[1])

            done = tf.TensorArray(rows.dtype, size=count)
            start = (0, tf.zeros_like(shared), done)
            _, total, done = tf.while_loop(goes_on, add, start)
            return total, done.stack()

        return out, backward

    return tf.custom_gradient(run)(shared, rows)


def linear(
    function: Callable[[Any], Any], transpose: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """See `nutgraf.backend.linear`."""
    return tf.custom_gradient(lambda x: (function(x), transpose))


def to_tensor(array: Any) -> Any:
    """Make a tensor of an array."""
    return tf.convert_to_tensor(array)


def to_numpy(tensor: Any) -> Any:
    """Bring a tensor to the host; bfloat16 becomes float32."""
    if tf.is_tensor(tensor) and tensor.dtype == tf.bfloat16:
        tensor = tf.cast(tensor, tf.float32)
    return tensor.numpy() if hasattr(tensor, "numpy") else tensor


def make_deterministic(threads: int | None) -> None:
    """Fix the operations' order and, before the first of them, the threads."""
    tf.config.experimental.enable_op_determinism()
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def describe() -> dict[str, Any]:
    """Return version and devices."""
    return {
        "tensorflow": tf.__version__,
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }
