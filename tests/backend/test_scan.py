"""`backend.scan` is a Python loop over steps, gradients included."""

import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.backend import to_numpy

pytestmark = pytest.mark.backend

LENGTH = 5


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


SHARED = [random(3, 3, seed=0)]
CARRY = [random(2, 3, seed=1), random(2, 1, seed=2)]
INPUTS = [random(LENGTH, 2, 3, seed=3)]
FIXED = [np.random.default_rng(4).integers(0, 2, (LENGTH, 2, 1)).astype(bool)]


def step(shared, carry, inputs, fixed):
    """Something that uses all it is given, and the carry twice."""
    new = ops.tanh(ops.matmul(carry[0], shared[0]) + inputs[0] * carry[1])
    total = carry[1] + ops.sum(new, axis=-1, keepdims=True)
    return [ops.where(fixed[0], new, carry[0]), total]


def unrolled(shared, carry, inputs, fixed):
    kept = []
    for time in range(LENGTH):
        carry = step(shared, carry, [inputs[0][time]], [fixed[0][time]])
        kept.append(carry)
    return [ops.stack(parts) for parts in zip(*kept, strict=True)]


def looped(shared, carry, inputs, fixed):
    return backend.scan(step, shared, carry, inputs, fixed)


def loss_with(function):
    """A loss of all that a scan returns, and its gradient to all that it reads."""

    def loss(values, fixed):
        shared, carry, inputs = values[:1], values[1:3], values[3:]
        found = function(shared, carry, inputs, [fixed])
        return ops.sum(found[0] ** 2) + ops.sum(ops.sin(found[1][2:])), found

    return backend.jit(backend.value_and_grad(loss))


def test_each_step_leaves_what_a_loop_in_python_does():
    args = SHARED, CARRY, INPUTS, FIXED
    tensors = [[ops.convert_to_tensor(part) for part in parts] for parts in args]
    for one, two in zip(looped(*tensors), unrolled(*tensors), strict=True):
        np.testing.assert_allclose(to_numpy(one), to_numpy(two), rtol=1e-5, atol=1e-6)
        assert one.shape[0] == LENGTH


def test_gradients_are_those_of_a_loop_in_python():
    values = [*SHARED, *CARRY, *INPUTS]
    results = [loss_with(of)(values, FIXED[0]) for of in (looped, unrolled)]
    (one, kept), grads = to_numpy(results[0])
    (two, others), expected = to_numpy(results[1])
    np.testing.assert_allclose(one, two, rtol=1e-5)
    for a, b in zip([*kept, *grads], [*others, *expected], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        assert abs(b).max() > 0.01


def test_what_nothing_depends_on_has_a_gradient_of_zero():
    """A carry that a step overwrites, an input that it leaves aside."""

    def last(shared, carry, inputs, fixed):
        del shared, carry, fixed
        return [inputs[0]]

    def loss(values, _):
        found = backend.scan(last, values[:1], values[1:2], values[2:], [])
        return ops.sum(found[0][-1] ** 2), {}

    values = [
        random(3, seed=0),
        random(2, seed=1),
        *(random(4, 2, seed=s) for s in (2, 3)),
    ]
    _, grads = backend.jit(backend.value_and_grad(loss))(values, np.float32(0))
    grads = to_numpy(grads)
    for number in (0, 1, 3):
        np.testing.assert_array_equal(grads[number], np.zeros_like(values[number]))
    np.testing.assert_allclose(grads[2][-1], 2 * values[2][-1], rtol=1e-5)
    np.testing.assert_array_equal(grads[2][:-1], 0)


def test_a_scan_goes_into_a_loop():
    """As in sampling, where each step may read a text again."""

    def body(time, total):
        found = backend.scan(
            lambda shared, carry, inputs, fixed: [carry[0] + inputs[0]],
            [],
            [total],
            [ops.ones((3,))],
            [],
        )
        return time + 1, found[0][-1]

    def run(start):
        return ops.while_loop(lambda time, total: time < 4, body, (0, start))[1]

    assert float(to_numpy(backend.jit(run)(np.float32(1.0)))) == 13.0


def test_gradients_of_half_precision_add_up_in_float32():
    """512 times 1/512 is 1; added up in bfloat16 it would stop at 1/2 or before."""

    def step(shared, carry, inputs, fixed):
        del fixed
        return [carry[0] + ops.cast(shared[0], "float32") * inputs[0]]

    def loss(values, parts):
        shared = [ops.cast(values[0], "bfloat16")]
        found = backend.scan(step, shared, [ops.zeros(())], [parts], [])
        return found[0][-1], {}

    parts = np.full(512, 1 / 512, "float32")
    compiled = backend.jit(backend.value_and_grad(loss))
    _, grads = compiled([np.float32(3.0)], parts)
    assert float(to_numpy(grads[0])) == pytest.approx(1.0, rel=1e-2)  # bfloat16 at last
