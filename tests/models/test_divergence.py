"""How far two passes are apart, as R-Drop learns from it."""

import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import EOS
from nutgraf.backend import jit, to_numpy, value_and_grad, with_values
from nutgraf.layers.dropout import Dropout
from nutgraf.layers.packing import packed_size, packing_of
from nutgraf.models import scoring
from nutgraf.objectives.r_drop import symmetric_kl
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

pytestmark = pytest.mark.backend

SHAPE = (3, 2, 6)
MASK = np.arange(6) < np.array([[3, 6], [2, 0], [4, 1]])[..., None]
KINDS = {
    "copy": {},
    "decoder-only": {"architecture": "decoder-only"},
    "gru": {"architecture": "gru", "coverage": True},
}


@pytest.fixture(scope="module", params=KINDS)
def policy(request, tokenizer):
    sizes = {"width": 16, "decoder_layers": 1}
    return toy_policy(tokenizer, **sizes, **KINDS[request.param])


def passes(policy, batch, actions, *seeds, packing=None):
    found = []
    for seed in seeds:
        dropout = Dropout(0.3, ops.convert_to_tensor(np.int32(seed)))
        memory = policy.encode(batch, dropout)
        found.append((memory, policy.hidden(memory, actions, dropout, packing)))
    return found


def whole(policy, one, other):
    """The same from whole distributions, all at once."""
    found = []
    for memory, hidden in (one, other):
        states = ops.reshape(hidden, (SHAPE[0], -1, hidden.shape[-1]))
        own = states[..., : policy.model.config.width]
        logits = policy.model.vocabulary_logits(own, policy.model.output_table())
        pointers = policy.model.pointers(memory, states)
        found.append(policy.model.mixture(logits, pointers, memory["ids"]))
    return ops.reshape(symmetric_kl(*found), SHAPE)


def test_packed_chunks_are_the_whole(policy, monkeypatch):
    batch = policy.codec.batch(toy_rows(3))
    actions = np.random.default_rng(0).integers(EOS, 300, SHAPE).astype("int32")
    packing = packing_of(MASK, packed_size([MASK]))
    monkeypatch.setattr(scoring, "LARGEST_CHUNK", 10 * policy.vocabulary_size)

    def loss(values, batch, actions, packing, direct):
        with with_values(policy.variables, values):
            both = passes(policy, batch, actions, 1, 2)
            apart = (
                whole(policy, *both)
                if direct
                else policy.divergence(*both, packing=packing)
            )
        return ops.sum(ops.where(MASK, apart, 0.0)), ops.where(MASK, apart, 0.0)

    found = []
    for given, direct in ((None, True), (packing, False)):
        compiled = jit(
            lambda values, batch, actions, packing, direct=direct: value_and_grad(
                lambda *args: loss(*args, direct)
            )(values, batch, actions, packing)
        )
        found.append(to_numpy(compiled(weights_of(policy), batch, actions, given)))
    ((_, expected), gradients), ((_, values), grads) = found
    assert expected[MASK].min() > 1e-3
    assert max(abs(grad).max() for grad in gradients) > 0.01
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6)
    for one, two in zip(grads, gradients, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)  # reordered sums


def test_equal_dropouts_are_not_apart(policy):
    batch = policy.codec.batch(toy_rows(3))
    actions = np.random.default_rng(0).integers(EOS, 300, SHAPE).astype("int32")
    one, again, other = passes(policy, batch, actions, 1, 1, 2)
    assert abs(to_numpy(policy.divergence(one, again))).max() == 0.0
    assert to_numpy(policy.divergence(one, other)).min() > 1e-4
