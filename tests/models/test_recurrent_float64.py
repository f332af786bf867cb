"""The same in float64 to 1e-9: what is left over is rounding, not a wrong formula."""

import contextlib

import keras
import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import BOS, PAD, Batch
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

pytestmark = pytest.mark.backend

# Some of Keras' operations narrow float64 to float32 on JAX and PyTorch.
EXACT = 1e-9 if backend.name == "tensorflow" else 1e-4
CLOSE = {"rtol": EXACT, "atol": EXACT}
KINDS = {
    "lstm": {"coverage": True, "encoder_layers": 2, "decoder_layers": 1},
    "gru": {"copy": False, "coverage": True},
    "rnn": {},
}


@pytest.fixture(scope="module", params=KINDS)
def policy(request):
    with contextlib.ExitStack() as stack:
        if backend.name == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")
        stack.callback(keras.config.set_dtype_policy, before)
        yield toy_policy(architecture=request.param, **KINDS[request.param])


@pytest.fixture(scope="module")
def batch(policy):
    """Two prompts of different lengths."""
    return policy.codec.batch([*toy_rows(1, 6), *toy_rows(1, 12, seed=1)])


@pytest.fixture(scope="module")
def actions():
    return np.random.default_rng(0).integers(3, 300, (2, 3, 5)).astype("int32")


def scored(policy, values, batch, actions):
    """(P, G, T) log-probs, and with coverage its loss."""
    with with_values(policy.variables, values):
        memory = policy.encode(batch)
        found = policy.score(memory, policy.hidden(memory, actions), actions)
    if found.auxiliary is None:
        return found.log_probs
    return found.log_probs + 0.3 * found.auxiliary


def test_cached_steps_are_the_full_pass(policy, batch, actions):
    memory = policy.encode(batch)
    whole = policy.score(memory, policy.hidden(memory, actions), actions).log_probs
    if backend.name != "torch":  # there Keras' products without a bias are float32
        assert to_numpy(whole).dtype == np.float64
    state, last = policy.init(memory, 3, 5), np.full((2, 3), BOS, "int32")
    parts = []
    for step in range(5):
        log_probs, state = policy.step(memory, state, last)
        last = actions[..., step]
        parts.append(
            np.take_along_axis(to_numpy(log_probs), last[..., None], -1)[..., 0]
        )
    np.testing.assert_allclose(np.stack(parts, -1), to_numpy(whole), **CLOSE)


def compare_gradients(policy, one, two):
    """Loss and gradient of two (batch, actions) pairs are the same."""

    def loss(values, batch, actions):
        found = scored(policy, values, batch, actions)
        return keras.ops.sum(found * found), found

    values = [variable.value for variable in policy.variables]
    found = [value_and_grad(loss)(values, *pair) for pair in (one, two)]
    (first, _), first_grads = found[0]
    (second, _), second_grads = found[1]
    np.testing.assert_allclose(to_numpy(first), to_numpy(second), **CLOSE)
    for a, b in zip(to_numpy(first_grads), to_numpy(second_grads), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    assert max(abs(grad).max() for grad in to_numpy(first_grads)) > 0.1


def test_a_group_is_its_prompt_repeated_gradient_included(policy, batch, actions):
    repeated = Batch(*(np.repeat(array, 3, axis=0) for array in batch))
    alone = (repeated, actions.reshape(6, 1, 5))
    compare_gradients(policy, (batch, actions), alone)


@pytest.mark.parametrize(("left", "right"), [(0, 6), (9, 0)])
def test_padding_changes_nothing_gradient_included(policy, batch, actions, left, right):
    wide = [(0, 0), (left, right)]
    padded = batch._replace(
        source_ids=np.pad(batch.source_ids, wide, constant_values=PAD),
        source_mask=np.pad(batch.source_mask, wide),
    )
    compare_gradients(policy, (batch, actions), (padded, actions))


def test_the_gradient_is_a_difference(policy, batch, actions):
    """Of each weight's first element, to six digits."""
    if backend.name != "tensorflow":
        return  # float32 inside, see above

    def loss(values):
        return keras.ops.sum(scored(policy, values, batch, actions)), {}

    values = weights_of(policy)
    _, grads = value_and_grad(loss)([keras.ops.convert_to_tensor(v) for v in values])
    for place, grad in enumerate(to_numpy(grads)):
        at = np.unravel_index(abs(grad).argmax(), grad.shape)
        sides = []
        for size in (1e-5, -1e-5):
            moved = [value.copy() for value in values]
            moved[place][at] += size
            tensors = [keras.ops.convert_to_tensor(value) for value in moved]
            sides.append(float(to_numpy(loss(tensors)[0])))
        slope = (sides[0] - sides[1]) / 2e-5
        assert grad[at] == pytest.approx(slope, rel=1e-5, abs=1e-7)
