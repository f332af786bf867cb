"""Symmetric KL against torch, by hand, and what must hold of it."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.r_drop import r_drop_loss, symmetric_kl

LOGITS = np.float32(
    [[0.3, -1.2, 2.0, 0.0], [4.0, 0.5, -3.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
)
OTHER = np.float32(
    [[1.3, -0.2, 0.0, 0.4], [4.0, 0.5, -3.0, 1.0], [2.0, -1.0, 0.5, 7.0]]
)
EXPECTED = np.float32([0.8547866344451904, 0.0, 2.414623260498047])
"""torch 2.13.0:
F = torch.nn.functional; p, q = (torch.log_softmax(torch.tensor(x), -1) for x in
(LOGITS, OTHER)); kl = lambda a, b: F.kl_div(a, b, log_target=True, reduction="none")
(0.5 * (kl(p, q) + kl(q, p)).sum(-1)).tolist()"""


def log_softmax(logits):
    return ops.log_softmax(ops.convert_to_tensor(logits), axis=-1)


def test_equal_to_torch():
    found = to_numpy(symmetric_kl(log_softmax(LOGITS), log_softmax(OTHER)))
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-5, atol=1e-6)


def test_by_hand():
    one, other = np.log(np.float32([[0.5, 0.5], [0.25, 0.75]]))
    # 0.25 log 2 - 0.25 log (2 / 3), halved
    expected = 0.125 * np.log(3.0)
    np.testing.assert_allclose(to_numpy(symmetric_kl(one, other)), expected, rtol=1e-5)


def test_it_is_symmetric_never_negative_and_zero_for_equals():
    random = np.random.default_rng(0).normal(size=(2, 5, 7, 11)).astype("float32")
    one, other = map(log_softmax, random)
    there, back = to_numpy(symmetric_kl(one, other)), to_numpy(symmetric_kl(other, one))
    np.testing.assert_array_equal(there, back)
    assert there.min() > 0
    np.testing.assert_array_equal(to_numpy(symmetric_kl(one, one)), np.zeros((5, 7)))


def test_what_both_forbid_counts_for_nothing(gradient):
    never = ops.convert_to_tensor(np.float32([0.0, -1e9, 0.0, 0.0]))
    one, other = (log_softmax(x[:1] + to_numpy(never)) for x in (LOGITS, OTHER))
    kept = [log_softmax(np.delete(x[:1], 1, axis=-1)) for x in (LOGITS, OTHER)]
    found = to_numpy(symmetric_kl(one, other))
    np.testing.assert_allclose(found, to_numpy(symmetric_kl(*kept)), rtol=1e-5)
    found = gradient(
        lambda x: ops.sum(symmetric_kl(ops.log_softmax(x + never), other)), LOGITS[:1]
    )
    assert np.isfinite(found).all() and found[0, 1] == 0.0


def test_a_step_brings_the_two_closer(gradient):
    other = log_softmax(OTHER)

    def apart(logits):
        return ops.sum(symmetric_kl(ops.log_softmax(logits), other))

    step = LOGITS - 0.1 * gradient(apart, LOGITS)
    assert float(to_numpy(apart(step))) < float(to_numpy(apart(LOGITS)))


def test_the_loss_is_the_mean_of_both_and_half_the_weighed_distance():
    one, other, apart = np.float32([[1.0], [3.0], [0.5]])
    found = [
        float(to_numpy(r_drop_loss(one, other, apart, weight))[0])
        for weight in (0.0, 5.0)
    ]
    assert found == [2.0, 3.25]


@pytest.mark.parametrize("weight", [-0.1, float("nan")])
def test_a_weight_is_not_negative(weight):
    with pytest.raises(ConfigError, match="weight must be >= 0. Received: weight="):
        r_drop_loss(*np.ones((3, 1)), weight)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="other_log_probs must have the shape"):
        symmetric_kl(np.ones((2, 3)), np.ones((3, 3)))
