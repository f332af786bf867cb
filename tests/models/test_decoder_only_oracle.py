"""Our decoder-only models are Hugging Face's Llama and GPT-2, weight by weight."""

import json
from pathlib import Path

import numpy as np
import pytest

from nutgraf.arrays import BOS, EOS, PAD, Batch
from nutgraf.backend import to_numpy
from nutgraf.models.checkpoint import weight_names
from nutgraf.models.config import ModelConfig
from nutgraf.models.decoder_only import DecoderOnly
from nutgraf.models.decoder_only_policy import DecoderOnlyPolicy
from nutgraf.sampling.beam import BeamSearch
from nutgraf.sampling.sample import Sampler

pytestmark = pytest.mark.backend

FROZEN = Path(__file__).parent / "frozen"


@pytest.fixture(scope="module", params=["llama", "llama_grouped", "gpt2"])
def frozen(request):
    path = FROZEN / f"{request.param}.npz"
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    arrays["about"] = json.loads(str(arrays["about"]))
    assert arrays["about"]["package"] == "transformers"
    return arrays


@pytest.fixture(scope="module")
def policy(frozen):
    model = DecoderOnly(ModelConfig.from_dict(frozen["about"]["config"]))
    named = {
        name.removeprefix("weights/"): value.astype("float32")
        for name, value in frozen.items()
        if name.startswith("weights/")
    }
    variables = model.trainable_variables
    assert sorted(named) == sorted(weight_names(variables))
    for name, variable in zip(weight_names(variables), variables, strict=True):
        variable.assign(named[name])
    return DecoderOnlyPolicy(model, codec=None)  # ids in, ids out: no texts


@pytest.fixture(scope="module", params=["right", "left"])
def batch(request, frozen):
    source, target = frozen["source_ids"], frozen["target_ids"]
    assert (source == PAD).any()
    if request.param == "left":
        source = np.stack([np.roll(ids, (ids == PAD).sum()) for ids in source])
        assert (source[:, -1] != PAD).all()
    numbers = np.arange(len(source), dtype=np.int32)
    return Batch(numbers, source, source != PAD, target, target != PAD)


def test_logits_of_all_words_are_those_of_the_other(policy, batch, frozen):
    memory = policy.encode(batch)
    hidden = policy.hidden(memory, batch.target_ids[:, None])[:, 0]
    found = to_numpy(
        policy.model.vocabulary_logits(hidden, policy.model.output_table())
    )
    np.testing.assert_allclose(
        found[..., EOS:], frozen["logits"][..., EOS:], rtol=1e-5, atol=1e-5
    )
    assert found[..., :EOS].max() < -1e8  # PAD and BOS are never predicted
    assert abs(frozen["logits"]).max() > 3


def test_the_keras_model_gives_the_others_log_probs(policy, batch, frozen):
    first = np.full_like(batch.target_ids[:, :1], BOS)
    inputs = np.concatenate([first, batch.target_ids[:, :-1]], axis=1)
    found = policy.model({"source_ids": batch.source_ids, "target_ids": inputs})
    words = frozen["logits"][..., EOS:].astype("float64")
    expected = words - np.log(np.exp(words).sum(-1, keepdims=True))
    np.testing.assert_allclose(
        to_numpy(found)[..., EOS:], expected, rtol=1e-5, atol=1e-5
    )


def test_greedy_texts_are_those_of_the_other(policy, batch, frozen):
    expected = frozen["greedy/actions"]
    sampler = Sampler(policy, 1, expected.shape[1], greedy=True)
    found = sampler([v.value for v in policy.variables], batch)
    assert np.array_equal(np.where(found.mask, found.actions, PAD)[:, 0], expected)
    assert found.ended.sum() >= 3  # not only texts cut at the limit


def test_beam_texts_and_scores_are_those_of_the_other(policy, batch, frozen):
    expected, beams = frozen["beam/actions"], frozen["about"]["beams"]
    search = BeamSearch(policy, beams, expected.shape[1], length_penalty=0.0)
    found = search([v.value for v in policy.variables], batch)
    assert np.array_equal(found.actions[:, 0], expected)
    assert (expected != frozen["greedy/actions"]).any()  # the beam finds other texts
    np.testing.assert_allclose(
        found.log_probs[:, 0].sum(-1), frozen["beam/scores"], rtol=1e-5, atol=1e-5
    )
