"""Packed == padded: log-probs, means and gradients, for each policy that packs."""

import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import EOS, Processors
from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.layers.packing import packed_size, packing_of
from nutgraf.testing.toys import toy_policy, toy_rows

LENGTHS = np.array([[3, 6, 1], [2, 0, 4]])
MASK = np.arange(6) < LENGTHS[..., None]  # (P, G, T)


def loss(policy):
    def weighed(values, batch, actions, mask, packing):
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            hidden = policy.hidden(memory, actions, packing=packing)
            want = frozenset({"mean_log_probs"})
            scored = policy.score(
                memory, hidden, actions, Processors(), want, packing=packing
            )
        both = scored.log_probs + 0.1 * scored.mean_log_probs
        if scored.auxiliary is not None:
            both = both + 0.3 * scored.auxiliary
        weights = ops.cast(ops.arange(36), "float32") / 36.0
        total = ops.sum(ops.where(mask, both * ops.reshape(weights, mask.shape), 0.0))
        return total, ops.where(mask, both, 0.0)

    return jit(lambda *given: value_and_grad(weighed)(*given))


@pytest.mark.parametrize(
    "options",
    [
        {"copy": True},
        {"copy": False},
        {"positions": "learned"},
        {"positions": "rotary"},
        {"architecture": "decoder-only"},
        {"architecture": "lstm", "copy": True, "coverage": True, "decoder_layers": 1},
        {"architecture": "rnn", "copy": False},
    ],
    ids=["copy", "plain", "learned", "rotary", "decoder-only", "lstm", "rnn"],
)
def test_packed_is_padded(options):
    policy = toy_policy(**options)
    batch = policy.codec.batch(toy_rows(2))
    shape = MASK.shape
    random = np.random.default_rng(0)
    actions = random.integers(EOS, policy.vocabulary_size, shape).astype("int32")
    values = to_numpy([variable.value for variable in policy.variables])
    compiled = loss(policy)
    packing = packing_of(MASK, packed_size([MASK]))
    assert len(packing.tokens) == 18
    (_, padded), expected = compiled(values, batch, actions, MASK, None)
    (_, packed), gradients = compiled(values, batch, actions, MASK, packing)
    np.testing.assert_allclose(to_numpy(packed), to_numpy(padded), rtol=1e-5, atol=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(to_numpy(one), to_numpy(other), atol=1e-5)
