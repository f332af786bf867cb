"""The text models as Keras models, and what they read before each action."""

import numpy as np
import pytest

from nutgraf.arrays import BOS
from nutgraf.backend import to_numpy
from nutgraf.data.batches import fit_arrays
from nutgraf.models.teacher_forcing import decoder_inputs
from nutgraf.testing.toys import toy_policy
from tests.models.passes import chosen, scored

pytestmark = pytest.mark.backend

KINDS = {
    "copy": {},
    "no copy": {"copy": False},
    "llama": {"architecture": "decoder-only"},
    "gpt2 goes on": {
        "architecture": "decoder-only",
        "block": "gpt2",
        "separator": False,
    },
    "lstm": {"architecture": "lstm", "coverage": True},
    "gru": {"architecture": "gru", "copy": False, "coverage": True},
    "rnn": {"architecture": "rnn"},
}


@pytest.fixture(scope="module", params=KINDS)
def policy(request, tokenizer):
    return toy_policy(tokenizer, **KINDS[request.param])


@pytest.fixture(scope="module")
def batch(policy, rows):
    return policy.codec.batch(rows[:4])


def test_each_action_reads_those_before():
    actions = np.int32([[[5, 6, 2], [7, 2, 0]], [[9, 9, 9], [2, 0, 0]]])
    found = to_numpy(decoder_inputs(actions))
    expected = [[[BOS, 5, 6], [BOS, 7, 2]], [[BOS, 9, 9], [BOS, 2, 0]]]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(to_numpy(decoder_inputs(actions[0, 0])), found[0, 0])


def test_they_are_what_fit_reads(policy, batch):
    expected = fit_arrays(batch)[0]["target_ids"]
    np.testing.assert_array_equal(to_numpy(decoder_inputs(batch.target_ids)), expected)


def test_fit_and_the_policy_agree_on_the_loss(policy, batch):
    found = chosen(to_numpy(policy.model(fit_arrays(batch)[0])), batch.target_ids)
    expected = scored(policy, batch, batch.target_ids[:, None]).log_probs[:, 0]
    mask = batch.target_mask
    np.testing.assert_allclose(found[mask], expected[mask], rtol=1e-4, atol=1e-5)
    assert found[mask].std() > 0.01


def test_training_drops_anew_each_time(policy, batch):
    inputs = fit_arrays(batch)[0]
    one, two = (to_numpy(policy.model(inputs, training=True)) for _ in range(2))
    still, again = (to_numpy(policy.model(inputs)) for _ in range(2))
    assert abs(one - two).max() > 1e-3 < abs(one - still).max()
    np.testing.assert_array_equal(still, again)


def test_config_round_trip(policy):
    again = type(policy.model).from_config(policy.model.get_config())
    assert type(again) is type(policy.model)
    assert (again.config, again.name) == (policy.model.config, policy.model.name)
    paths = [variable.path for variable in again.trainable_variables]
    assert paths == [variable.path for variable in policy.model.trainable_variables]
    assert len({variable.path for variable in again.variables}) == len(again.variables)
