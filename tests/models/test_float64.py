"""The same in float64 to 1e-9: what is left over is rounding, not a wrong formula."""

import keras
import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from tests.models.passes import chosen, float64, padded, repeated, step_by_step

pytestmark = pytest.mark.backend

# Some of Keras' operations narrow float64 to float32 on JAX and PyTorch.
EXACT = 1e-9 if backend.name == "tensorflow" else 1e-4
CLOSE = {"rtol": EXACT, "atol": EXACT}
PROCESSORS = {"plain": Processors(), "tempered": Processors(temperature=0.7)}
DECODER_ONLY = {
    "architecture": "decoder-only",
    "feed_forward": 48,
    "decoder_layers": 3,
}
RECURRENT = {
    "lstm": {"coverage": True, "encoder_layers": 2, "decoder_layers": 1},
    "gru": {"copy": False, "coverage": True},
    "rnn": {},
}
KINDS = {
    "encoder-decoder": {},
    "llama": DECODER_ONLY,
    "grouped": {**DECODER_ONLY, "tied": False, "key_value_heads": 1},
    "gpt2 goes on": {**DECODER_ONLY, "block": "gpt2", "separator": False},
    **{kind: {"architecture": kind, **RECURRENT[kind]} for kind in RECURRENT},
}
if backend.name == "tensorflow":  # elsewhere test_positions.py is as exact
    for kind in ("learned", "rotary"):
        KINDS[kind] = {"positions": kind, "decoder_layers": 1}


@pytest.fixture(scope="module", params=KINDS)
def policy(request):
    with float64():
        yield toy_policy(**KINDS[request.param])


@pytest.fixture(scope="module")
def batch(policy):
    """Two prompts of different lengths."""
    return policy.codec.batch([*toy_rows(1, 6), *toy_rows(1, 12, seed=1)])


@pytest.fixture(scope="module")
def actions():
    return np.random.default_rng(0).integers(3, 300, (2, 3, 5)).astype("int32")


def scored(policy, values, batch, actions, processors=PROCESSORS["plain"]):
    with with_values(policy.variables, values):
        memory = policy.encode(batch)
        hidden = policy.hidden(memory, actions)
        return policy.score(memory, hidden, actions, processors)


def learned(policy, values, batch, actions):
    """(P, G, T) log-probs, and with coverage its loss."""
    found = scored(policy, values, batch, actions)
    if found.auxiliary is None:
        return found.log_probs
    return found.log_probs + 0.3 * found.auxiliary


def test_a_float64_model_stays_float64(policy, batch, actions):
    found = to_numpy(scored(policy, weights_of(policy), batch, actions).log_probs)
    if backend.name != "torch":  # there Keras' products without a bias are float32
        assert found.dtype == np.float64


@pytest.mark.parametrize("name", PROCESSORS)
def test_cached_steps_are_the_full_pass(policy, batch, actions, name):
    whole = scored(policy, weights_of(policy), batch, actions, PROCESSORS[name])
    logits = step_by_step(policy, batch, actions) / PROCESSORS[name].temperature
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(
        chosen(logits, actions), to_numpy(whole.log_probs), **CLOSE
    )


def compare_gradients(policy, one, two):
    """Loss and gradient of two (batch, actions) pairs are the same."""

    def loss(values, batch, actions):
        found = learned(policy, values, batch, actions)
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
    alone = (repeated(batch, 3), actions.reshape(6, 1, 5))
    compare_gradients(policy, (batch, actions), alone)


# docs/decisions/0011-left-padding.md
FROM_THE_LEFT = {"encoder-decoder", "learned"}
PADDED = [(kind, 0, 6) for kind in KINDS]
PADDED += [(kind, 9, 0) for kind in KINDS if kind not in FROM_THE_LEFT]


@pytest.mark.parametrize(("policy", "left", "right"), PADDED, indirect=["policy"])
def test_padding_changes_nothing_gradient_included(policy, batch, actions, left, right):
    wider = (padded(batch, left, right), actions)
    compare_gradients(policy, (batch, actions), wider)


@pytest.mark.parametrize("policy", RECURRENT, indirect=True)
def test_the_gradient_through_time_is_a_difference(policy, batch, actions):
    """Of the element of each weight with the largest gradient."""
    if backend.name != "tensorflow":
        return  # float32 inside, see above

    def loss(values):
        return keras.ops.sum(learned(policy, values, batch, actions)), {}

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
