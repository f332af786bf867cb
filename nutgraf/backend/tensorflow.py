"""TensorFlow: XLA-compiled functions, gradients by tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# TensorFlow takes several of our functions for one that is traced again and again, for
# they share a wrapper; `Compiled.compilations` counts what is really compiled.
tf.get_logger().addFilter(lambda record: "tf.function retracing" not in str(record.msg))

__all__ = ["chunked", "compile", "describe", "linear"]
__all__ += ["make_deterministic", "scan", "to_numpy", "to_tensor", "value_and_grad"]


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
                both = tape.gradient(
                    found,
                    [shared, part],
                    grad[step],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
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


def scan(
    step: Callable[..., Any], shared: Any, carry: Any, inputs: Any, fixed: Any
) -> Any:
    """See `nutgraf.backend.scan`."""
    length = (*inputs, *fixed)[0].shape[0]
    begin, end = len(shared), len(shared) + len(carry)
    zero = tf.UnconnectedGradients.ZERO

    def at(parts: Any, time: Any) -> list[Any]:
        return [part[time] for part in parts]

    def empty(parts: Any) -> Any:
        return tuple(tf.TensorArray(part.dtype, size=length) for part in parts)

    def written(arrays: Any, time: Any, parts: Any) -> Any:
        pairs = zip(arrays, parts, strict=True)
        return tuple(array.write(time, part) for array, part in pairs)

    def goes_on(done: Any, *_: Any) -> Any:
        return done < length

    def run(*flat: Any) -> Any:
        shared, carry, inputs = flat[:begin], flat[begin:end], flat[end:]

        def forward(time: Any, carry: Any, kept: Any) -> Any:
            found = step(shared, carry, at(inputs, time), at(fixed, time))
            return time + 1, tuple(found), written(kept, time, found)

        start = 0, tuple(carry), empty(carry)
        _, _, kept = tf.while_loop(goes_on, forward, start)
        out = tuple(array.stack() for array in kept)
        before = [
            tf.concat([first[None], others[:-1]], 0)
            for first, others in zip(carry, out, strict=True)
        ]

        def backward(*grads: Any) -> Any:
            def back(done: Any, onto: Any, total: Any, parts: Any) -> Any:
                time = length - 1 - done
                read = [*shared], at(before, time), at(inputs, time)
                with tf.GradientTape() as tape:
                    tape.watch(read)
                    found = step(*read, at(fixed, time))
                onto = [a + b for a, b in zip(at(grads, time), onto, strict=True)]
                mine, onto, own = tape.gradient(
                    found, read, onto, unconnected_gradients=zero
                )
                total = tuple(a + b for a, b in zip(total, mine, strict=True))
                return done + 1, tuple(onto), total, written(parts, time, own)

            nothing = [tuple(map(tf.zeros_like, each)) for each in (carry, shared)]
            start = 0, *nothing, empty(inputs)
            _, onto, total, parts = tf.while_loop(goes_on, back, start)
            return [*total, *onto, *(array.stack() for array in parts)]

        return out, backward

    return list(tf.custom_gradient(run)(*shared, *carry, *inputs))


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
