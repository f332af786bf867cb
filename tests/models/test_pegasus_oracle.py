"""Without its copy head our model is Hugging Face's Pegasus, weight by weight."""

import numpy as np
import pytest

from nutgraf.arrays import EOS
from nutgraf.backend import to_numpy
from nutgraf.data.batches import fit_arrays
from nutgraf.models.config import ModelConfig
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from tests.models.frozen_models import (
    check_beams,
    check_greedy,
    frozen_batch,
    read_frozen,
    take_weights,
)

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def frozen():
    return read_frozen("pegasus")


@pytest.fixture(scope="module")
def policy(frozen):
    model = EncoderDecoder(ModelConfig.from_dict(frozen["about"]["config"]))
    take_weights(model, frozen)
    return EncoderDecoderPolicy(model, codec=None)  # ids in, ids out: no texts


@pytest.fixture(scope="module")
def batch(frozen):
    return frozen_batch(frozen)


def test_log_probs_of_all_words_are_those_of_pegasus(policy, batch, frozen):
    found = to_numpy(policy.model(fit_arrays(batch)[0]))
    expected = frozen["log_probs"]
    np.testing.assert_allclose(
        found[..., EOS:], expected[..., EOS:], rtol=1e-4, atol=1e-4
    )
    assert max(found[..., :EOS].max(), expected[..., :EOS].max()) < -1e8


def test_teacher_forced_scores_are_those_of_pegasus(policy, batch, frozen):
    actions = batch.target_ids[:, None]
    memory = policy.encode(batch)
    scored = policy.score(memory, policy.hidden(memory, actions), actions)
    expected = np.take_along_axis(
        frozen["log_probs"], batch.target_ids[..., None], axis=-1
    )[..., 0]
    np.testing.assert_allclose(
        to_numpy(scored.log_probs)[:, 0], expected, rtol=1e-4, atol=1e-4
    )


def test_greedy_texts_are_those_of_pegasus(policy, batch, frozen):
    check_greedy(policy, batch, frozen)


def test_beam_texts_and_scores_are_those_of_pegasus(policy, batch, frozen):
    check_beams(policy, batch, frozen, 1e-4)
