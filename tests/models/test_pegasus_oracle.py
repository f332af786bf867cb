"""Without its copy head our model is Hugging Face's Pegasus, weight by weight."""

import json
from pathlib import Path

import numpy as np
import pytest

from nutgraf.arrays import BOS, EOS, PAD, Batch
from nutgraf.backend import to_numpy
from nutgraf.models.checkpoint import weight_names
from nutgraf.models.config import ModelConfig
from nutgraf.models.encoder_decoder import EncoderDecoder
from nutgraf.models.encoder_decoder_policy import EncoderDecoderPolicy
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler

pytestmark = pytest.mark.backend

FROZEN = Path(__file__).parent / "frozen" / "pegasus.npz"


@pytest.fixture(scope="module")
def frozen():
    with np.load(FROZEN, allow_pickle=False) as file:
        arrays = dict(file)
    arrays["about"] = json.loads(str(arrays["about"]))
    assert arrays["about"]["package"] == "transformers"
    return arrays


@pytest.fixture(scope="module")
def policy(frozen):
    model = EncoderDecoder(ModelConfig.from_dict(frozen["about"]["config"]))
    named = {
        name.removeprefix("weights/"): value.astype("float32")
        for name, value in frozen.items()
        if name.startswith("weights/")
    }
    variables = model.trainable_variables
    assert sorted(named) == sorted(weight_names(variables))
    for name, variable in zip(weight_names(variables), variables, strict=True):
        variable.assign(named[name])
    return EncoderDecoderPolicy(model, codec=None)  # ids in, ids out: no texts


@pytest.fixture(scope="module")
def batch(frozen):
    source, target = frozen["source_ids"], frozen["target_ids"]
    assert (source == PAD).any()
    numbers = np.arange(len(source), dtype=np.int32)
    return Batch(numbers, source, source != PAD, target, target != PAD)


def test_log_probs_of_all_words_are_those_of_pegasus(policy, batch, frozen):
    first = np.full_like(batch.target_ids[:, :1], BOS)
    inputs = np.concatenate([first, batch.target_ids[:, :-1]], axis=1)
    found = to_numpy(
        policy.model({"source_ids": batch.source_ids, "target_ids": inputs})
    )
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
    expected = frozen["greedy/actions"]
    sampler = Sampler(policy, 1, expected.shape[1], greedy=True)
    found = sampler([v.value for v in policy.variables], batch)
    assert np.array_equal(np.where(found.mask, found.actions, PAD)[:, 0], expected)
    assert found.ended.sum() >= 3  # not only texts cut at the limit


def test_beam_texts_and_scores_are_those_of_pegasus(policy, batch, frozen):
    expected, beams = frozen["beam/actions"], frozen["about"]["beams"]
    search = BeamSearch(policy, beams, expected.shape[1], length_penalty=0.0)
    found = search([v.value for v in policy.variables], batch)
    assert np.array_equal(found.actions[:, 0], expected)
    assert (expected != frozen["greedy/actions"]).any()  # the beam finds other texts
    np.testing.assert_allclose(
        found.log_probs[:, 0].sum(-1), frozen["beam/scores"], rtol=1e-4, atol=1e-4
    )
