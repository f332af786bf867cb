"""DPO and IPO against TRL and another library; sign, target, extremes."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.dpo import dpo_loss, implicit_rewards, ipo_loss
from nutgraf.objectives.reduce import token_mean
from nutgraf.objectives.reward_model import pair_accuracy, pairwise_loss

NAMES = ["chosen", "rejected", "ref_chosen", "ref_rejected"]
BOTH = {"dpo": dpo_loss, "ipo": ipo_loss}
both = pytest.mark.parametrize("loss_of", BOTH.values(), ids=BOTH.keys())


def random_case(seed=0, pairs=6):
    return list(-np.random.default_rng(seed).exponential(20, (4, pairs)).astype("f"))


def test_literal():
    # log-ratios 1 and -1, h = 2; beta 0.5: -log sigmoid(1); target 1: (2 - 1)^2
    pair = np.float32([[-4], [-6], [-5], [-5]])
    found = to_numpy(dpo_loss(*pair, beta=0.5))
    np.testing.assert_allclose(found, [np.log1p(np.exp(-1))], rtol=1e-6)
    # label smoothing 0.25: three quarters of it, one quarter of -log sigmoid(-1)
    expected = 0.75 * np.log1p(np.exp(-1)) + 0.25 * np.log1p(np.exp(1))
    found = to_numpy(dpo_loss(*pair, beta=0.5, label_smoothing=0.25))
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    assert to_numpy(ipo_loss(*pair, beta=0.5)).tolist() == [1.0]
    rewards = [implicit_rewards(pair[i], pair[i + 2], beta=0.5) for i in (0, 1)]
    assert [float(reward[0]) for reward in rewards] == [0.5, -0.5]


@pytest.mark.parametrize("package", ["trl", "google-tunix"])
def test_dpo_equal_to_other_libraries(frozen, gradient, package):
    for case in frozen("dpo", package):
        arrays = [case.inputs[name] for name in NAMES]
        rest = {name: case.inputs[name] for name in ("beta", "label_smoothing")}
        found = to_numpy(dpo_loss(*arrays, **rest))
        np.testing.assert_allclose(found, case.expected["loss"], rtol=1e-5, atol=1e-5)
        for position, name in enumerate(NAMES[:2]):
            rewards = implicit_rewards(
                arrays[position], arrays[position + 2], beta=rest["beta"]
            )
            np.testing.assert_allclose(
                to_numpy(rewards),
                case.expected[f"{name}_rewards"],
                rtol=1e-5,
                atol=1e-5,
            )
            expected = case.expected[f"{name}_gradient"]

            def loss(x, position=position, arrays=arrays, rest=rest):
                given = [*arrays]
                given[position] = x
                return ops.sum(dpo_loss(*given, **rest))

            np.testing.assert_allclose(
                gradient(loss, arrays[position]), expected, rtol=1e-4, atol=1e-6
            )


def test_ipo_equal_to_trl(frozen):
    for case in frozen("ipo"):
        arrays = [case.inputs[name] for name in NAMES]
        found = to_numpy(ipo_loss(*arrays, beta=case.inputs["beta"]))
        np.testing.assert_allclose(found, case.expected["loss"], rtol=1e-5, atol=1e-5)


def test_at_the_reference():
    chosen, rejected, _, _ = random_case()
    same = [chosen, rejected, chosen, rejected]
    np.testing.assert_allclose(to_numpy(dpo_loss(*same)), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(to_numpy(ipo_loss(*same, beta=0.1)), 25.0, rtol=1e-6)


def test_dpo_is_the_pairwise_loss_of_implicit_rewards():
    chosen, rejected, ref_chosen, ref_rejected = random_case()
    rewards = [
        implicit_rewards(chosen, ref_chosen, beta=0.3),
        implicit_rewards(rejected, ref_rejected, beta=0.3),
    ]
    found = dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.3)
    np.testing.assert_allclose(
        to_numpy(found), to_numpy(pairwise_loss(*rewards)), rtol=1e-5, atol=1e-6
    )
    assert set(to_numpy(pair_accuracy(*rewards)).tolist()) <= {0.0, 0.5, 1.0}


@both
def test_chosen_rises_rejected_falls_reference_stays(gradient, loss_of):
    arrays = [array / 60 for array in random_case()]  # h below IPO's target of 5 nats
    signs = []
    for position in range(4):

        def loss(x, position=position):
            given = [*arrays]
            given[position] = x
            return ops.sum(loss_of(*given))

        signs.append(set(np.sign(gradient(loss, arrays[position])).tolist()))
    assert signs == [{-1.0}, {1.0}, {0.0}, {0.0}]


def test_ipo_pulls_back_beyond_its_target(gradient):
    zero = np.zeros(1, "float32")
    found = gradient(
        lambda x: ops.sum(ipo_loss(x, zero, zero, zero, beta=0.5)), np.float32([3.0])
    )
    assert found.tolist() == [4.0]  # 2 (3 - 1)


def test_label_smoothing_stops_at_its_odds(gradient):
    # the minimum is at sigmoid(beta h) = 1 - smoothing
    odds = np.float32([np.log(0.9 / 0.1)])
    zero = np.zeros(1, "float32")
    found = gradient(
        lambda x: ops.sum(dpo_loss(x, zero, zero, zero, beta=1.0, label_smoothing=0.1)),
        odds,
    )
    np.testing.assert_allclose(found, 0.0, atol=1e-6)


@both
def test_extremes_are_finite_and_masked_is_dropped(gradient, loss_of):
    extreme = np.float32([-np.inf, -1e10, -200.0, 0.0])
    arrays = [part.ravel() for part in np.meshgrid(*[extreme] * 4)]
    mask = np.arange(len(arrays[0])) % 3 > 0

    def loss(x, mask=mask):
        return token_mean(loss_of(x, *arrays[1:]), mask)

    assert np.isfinite(to_numpy(loss_of(*arrays))).all()
    assert np.isfinite(gradient(loss, arrays[0])).all()
    dropped = token_mean(loss_of(*[a[mask] for a in arrays]), mask[mask])
    assert float(loss(arrays[0])) == pytest.approx(float(dropped), rel=1e-5)
    nothing = np.zeros_like(mask)
    assert float(loss(arrays[0], nothing)) == 0.0
    assert not gradient(lambda x: loss(x, nothing), arrays[0]).any()


def test_settings_are_in_range():
    zeros = [np.zeros(1, "float32")] * 4
    for function in (dpo_loss, ipo_loss):
        with pytest.raises(ConfigError, match="beta must be greater than 0. Received"):
            function(*zeros, beta=0.0)
    with pytest.raises(ConfigError, match="beta must be greater than 0"):
        implicit_rewards(*zeros[:2], beta=-1.0)
    for bad in (-0.1, 0.5):
        with pytest.raises(ConfigError, match=r"label_smoothing must be in \[0, 0.5\)"):
            dpo_loss(*zeros, label_smoothing=bad)


@both
def test_shapes_must_agree(loss_of):
    ones = np.ones(3, "float32")
    with pytest.raises(ValueError, match="ref_rejected must have the shape"):
        loss_of(ones, ones, ones, ones[:1])
    with pytest.raises(ValueError, match="ref_log_probs must have the shape"):
        implicit_rewards(ones, ones[:1])
